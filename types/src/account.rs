//! The words of the ledger: types and statuses of accounts, statuses of transfers, outcomes.
//!
//! Each word has a number (storage, ABI) and a name in capitals (REST, genesis). Numbers are
//! consensus data: append only, 0 stays free for "none".

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The text or number names no such word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not one of {words}")]
pub struct UnknownWord {
    /// What was given.
    pub given: String,
    /// The words that exist.
    pub words: String,
}

/// Makes an enumeration of numbered capital words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $number:literal $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$item_doc])* #[serde(rename = $word)] $item = $number,)+
        }

        impl $name {
            /// All of them, by number.
            pub const ALL: &[Self] = &[$(Self::$item),+];

            /// The number in storage and ABI.
            pub const fn number(self) -> u8 {
                match self { $(Self::$item => $number,)+ }
            }

            /// The inverse of [`Self::number`].
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$item),)+ _ => None }
            }

            /// The word in capitals.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$item => $word,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                Self::ALL.iter().find(|item| item.as_str() == text).copied().ok_or_else(|| UnknownWord {
                    given: text.chars().take(32).collect(),
                    words: [$($word),+].join(" "),
                })
            }
        }
    };
}

words! {
    /// What kind of customer or book an account is.
    AccountType {
        /// A natural person.
        Retail = 1 "RETAIL",
        /// A company.
        Business = 2 "BUSINESS",
        /// A bank or another regulated institution.
        Institution = 3 "INSTITUTION",
        /// A company that is paid by card or code.
        Merchant = 4 "MERCHANT",
        /// A bank's own money.
        Treasury = 5 "TREASURY",
        /// Money on its way between institutions.
        Settlement = 6 "SETTLEMENT",
        /// A smart contract.
        Contract = 7 "CONTRACT",
    }
}

words! {
    /// Whether an account may pay and be paid. `ACTIVE` may, `FROZEN` on the side that is not frozen.
    AccountStatus {
        /// Opened, not yet approved.
        Pending = 1 "PENDING",
        /// In use.
        Active = 2 "ACTIVE",
        /// Not used for long; wakes by approval.
        Dormant = 3 "DORMANT",
        /// Stopped by an officer.
        Frozen = 4 "FROZEN",
        /// Closed for ever, with a zero balance.
        Closed = 5 "CLOSED",
    }
}

words! {
    /// Where a transfer stands.
    TransferStatus {
        /// Waits for approvals.
        PendingApproval = 1 "PENDING_APPROVAL",
        /// Held until an officer decides.
        UnderReview = 2 "UNDER_REVIEW",
        /// Reserved, not yet captured.
        Held = 3 "HELD",
        /// Posted: final.
        Settled = 4 "SETTLED",
        /// Refused by an officer.
        Rejected = 5 "REJECTED",
        /// A hold given back by the payee or payer.
        Voided = 6 "VOIDED",
        /// A hold or instruction whose time is over.
        Expired = 7 "EXPIRED",
        /// Settled, and given back in full.
        Reversed = 8 "REVERSED",
    }
}

words! {
    /// What a transfer is.
    TransferKind {
        /// One payer, one payee, at once.
        Transfer = 1 "TRANSFER",
        /// New money, by the currency's issuer.
        Issue = 2 "ISSUE",
        /// Money reserved for a payee, who captures it, all or in parts.
        Hold = 3 "HOLD",
        /// Money given back to the currency's issuer and destroyed.
        Redeem = 4 "REDEEM",
        /// Money of a settled payment given back by its payee.
        Reversal = 5 "REVERSAL",
    }
}

words! {
    /// What the risk rules say of a payment.
    RiskOutcome {
        /// It is posted.
        Allow = 1 "ALLOW",
        /// Its money is held until an officer decides.
        Review = 2 "REVIEW",
        /// It is refused.
        Reject = 3 "REJECT",
    }
}

words! {
    /// By what right a payment was made.
    Authorisation {
        /// The owner's own transaction.
        Owner = 1 "OWNER",
        /// An instruction signed with a key of the account.
        Key = 2 "KEY",
        /// A delegate within a scope.
        Delegate = 3 "DELEGATE",
        /// An ERC-20 allowance.
        Allowance = 4 "ALLOWANCE",
        /// The issuer of the currency.
        Issuer = 5 "ISSUER",
    }
}

words! {
    /// How payments from one jurisdiction to another are treated.
    Corridor {
        /// As any other.
        Open = 1 "OPEN",
        /// An officer decides on each.
        Review = 2 "REVIEW",
        /// Refused.
        Blocked = 3 "BLOCKED",
    }
}

words! {
    /// What an address may do for the whole network.
    Role {
        /// Grants roles, registers currencies, changes parameters.
        Admin = 1 "ADMIN",
        /// Opens accounts and keeps their profiles.
        Registrar = 2 "REGISTRAR",
        /// Tiers, limits, corridors, deny list, freezes, reviews.
        ComplianceOfficer = 3 "COMPLIANCE_OFFICER",
        /// Reviews.
        RiskOfficer = 4 "RISK_OFFICER",
        /// States what was found out off chain.
        Attestor = 5 "ATTESTOR",
        /// Price feeds and their reporters.
        FeedManager = 6 "FEED_MANAGER",
        /// May only stop: cancels changes of parameters and open requests, suspends price feeds.
        Guardian = 7 "GUARDIAN",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_are_the_recorded_ones() {
        let types: Vec<_> =
            AccountType::ALL.iter().map(|t| format!("{}={t}", t.number())).collect();
        let statuses: Vec<_> =
            AccountStatus::ALL.iter().map(|s| format!("{}={s}", s.number())).collect();
        let transfers: Vec<_> =
            TransferStatus::ALL.iter().map(|s| format!("{}={s}", s.number())).collect();
        assert_eq!(
            types.join(" "),
            "1=RETAIL 2=BUSINESS 3=INSTITUTION 4=MERCHANT 5=TREASURY 6=SETTLEMENT 7=CONTRACT"
        );
        assert_eq!(statuses.join(" "), "1=PENDING 2=ACTIVE 3=DORMANT 4=FROZEN 5=CLOSED");
        assert_eq!(
            transfers.join(" "),
            "1=PENDING_APPROVAL 2=UNDER_REVIEW 3=HELD 4=SETTLED 5=REJECTED 6=VOIDED 7=EXPIRED 8=REVERSED"
        );
    }

    #[test]
    fn words_round_trip_by_number_text_and_json() {
        for &status in AccountStatus::ALL {
            assert_eq!(AccountStatus::from_number(status.number()), Some(status));
            assert_eq!(status.as_str().parse(), Ok(status));
            let json = serde_json::to_string(&status).unwrap();
            assert_eq!(json, format!("\"{status}\""));
            assert_eq!(serde_json::from_str::<AccountStatus>(&json).unwrap(), status);
        }
        assert_eq!(AccountStatus::from_number(0), None);
        assert_eq!(AccountStatus::from_number(6), None);
        assert!("active".parse::<AccountStatus>().is_err());
    }
}
