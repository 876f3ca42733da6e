//! Transactions: one after the other, each whole or not at all.

use super::{ApplyError, Overlay, StateView, TransactionError};
use crate::{Account, Encode, Height, StateKey, Transaction, transaction::Transfer};

/// Applies one transaction, whose signature the caller has checked, and adds its fee to the block's. The outer error is the
/// store's.
pub(super) fn apply<V: StateView>(
    leaves: &mut Overlay<'_, V>,
    height: Height,
    fees: &mut u64,
    transaction: &Transaction,
) -> Result<Result<(), TransactionError>, ApplyError<V::Error>> {
    let Transaction::Transfer(transfer) = transaction;
    let from_key = StateKey::Account(transfer.from);
    let to_key = StateKey::Account(transfer.to);
    let sender: Account = leaves.get(from_key)?.unwrap_or_default();
    let (sender, sum) = match debit(transfer, sender, height, *fees) {
        Ok(debited) => debited,
        Err(error) => return Ok(Err(error)),
    };
    // A transfer to oneself is debited first, so the recipient is read after that.
    let recipient = if from_key == to_key { sender } else { leaves.get(to_key)?.unwrap_or_default() };
    let Some(balance) = recipient.balance.checked_add(transfer.amount) else {
        return Ok(Err(TransactionError::Overflow("the recipient's balance")));
    };
    leaves.set(from_key, Some(sender.encode()));
    leaves.set(to_key, Some(Account { balance, ..recipient }.encode()));
    *fees = sum;
    Ok(Ok(()))
}

/// The sender after the transfer, and the block's fees with it.
fn debit(transfer: &Transfer, sender: Account, height: Height, fees: u64) -> Result<(Account, u64), TransactionError> {
    let Transfer { amount, fee, nonce, expiry, .. } = *transfer;
    if amount == 0 {
        return Err(TransactionError::ZeroAmount);
    }
    if expiry < height {
        return Err(TransactionError::Expired { expiry, height });
    }
    if nonce != sender.nonce {
        return Err(TransactionError::Nonce { expected: sender.nonce, got: nonce });
    }
    let needed = amount.checked_add(fee).ok_or(TransactionError::Overflow("amount + fee"))?;
    let balance =
        sender.balance.checked_sub(needed).ok_or(TransactionError::Balance { needed, balance: sender.balance })?;
    let nonce = nonce.checked_add(1).ok_or(TransactionError::Overflow("the sender's nonce"))?;
    let fees = fees.checked_add(fee).ok_or(TransactionError::Overflow("the block's fees"))?;
    Ok((Account { balance, nonce }, fees))
}
