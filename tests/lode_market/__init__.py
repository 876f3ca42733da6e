"""The proof market's rules, a second time: written from the specification, not from the node's code.

    codec          fields, records, readers             actions       transactions: bytes and form
    leaves         leaves of the state: keys and bytes  rules         arithmetic: values, bonds, slashes, ranks
    state          leaves, supply, what has changed     block         a block in the making
    agenda, settlement, matching, deliver, transactions, transition   what a block does, part by part
    generator, properties, history                                    random histories, and what must hold in them

Python 3.9 or later, standard library only. Proofs and keys are not looked at: whether they hold is an argument.
"""
