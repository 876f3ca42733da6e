"""The market, a second time: written from the specification, not from the code of the node.

    codec          fields, records, readers
    actions        transactions: their bytes and form
    leaves         leaves of the state: their keys and bytes
    rules          arithmetic: values, bonds, slashes, ranks
    state          leaves, supply, and what has changed
    block          a block in the making
    agenda, settlement, matching, deliver, transactions, transition
                   what a block does, part by part
    generator, bounds, properties
                   histories, and what must hold after every block

Python 3.9 or later, standard library only. Proofs and keys are not looked at: whether they hold is
an argument.
"""
