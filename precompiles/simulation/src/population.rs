//! The made-up customers: who they are, when they came, whom they usually pay.
//!
//! Accounts are numbered: businesses first, then merchants, then people; among people the most active
//! first, and at the very end the sleepers, who do nothing but what a planted case has them do.

use alloy_primitives::{Address, keccak256};
use qenex_types::AccountType;

use crate::calendar::{Calendar, DAY, GENESIS};
use crate::random::{Random, Weights};

/// Number of an account.
pub(crate) type Account = usize;

/// Per cent of the accounts that are businesses.
const BUSINESSES: usize = 3;
/// Per cent of the accounts that are merchants.
const MERCHANTS: usize = 5;
/// Per cent of the people who come while payments are made.
const NEWCOMERS: u64 = 10;
/// Last days on which nobody comes.
const LAST_DAYS: u64 = 14;

/// How much the most active people stand out ([`Weights::zipf`]): the first of 92,000 pay 460 times as
/// much as the last, and about three times a day at a million payments in half a year.
const PEOPLE_FLATNESS: u64 = 200;
/// The same for merchants.
const MERCHANT_FLATNESS: u64 = 0;
/// The same for businesses as payers.
const BUSINESS_FLATNESS: u64 = 20;

/// People whom somebody usually pays.
const FRIENDS: u64 = 8;
/// Shops where somebody usually buys.
const SHOPS: u64 = 6;
/// Suppliers of a business.
const SUPPLIERS: u64 = 12;

/// What a stream of chance is for.
#[derive(Clone, Copy)]
enum Stream {
    Opening = 1,
    Friend = 2,
    Shop = 3,
    Supplier = 4,
    Landlord = 5,
}

/// The customers.
#[derive(Clone, Debug)]
pub(crate) struct Population {
    seed: u64,
    businesses: usize,
    merchants: usize,
    active: usize,
    opened: Vec<u64>,
    people: Weights,
    shops: Weights,
    firms: Weights,
}

impl Population {
    /// So many accounts, so many people among them sleepers.
    pub(crate) fn new(seed: u64, accounts: usize, sleepers: usize, days: u64) -> Self {
        let businesses = (accounts * BUSINESSES / 100).max(1);
        let merchants = (accounts * MERCHANTS / 100).max(1);
        let organisations = businesses + merchants;
        let active = accounts.saturating_sub(organisations + sleepers).max(1);
        let opened = (0..accounts).map(|account| {
            let number = u64::try_from(account).unwrap_or_default();
            let mut random = Random::of(seed, &[Stream::Opening as u64, number]);
            let person = (organisations..organisations + active).contains(&account);
            if person && random.percent(NEWCOMERS) {
                let last = days.saturating_sub(LAST_DAYS);
                Calendar::begin() + random.below(last) * DAY + random.within(8, 16) * 3_600
            } else {
                GENESIS
            }
        });
        Self {
            seed,
            businesses,
            merchants,
            active,
            opened: opened.collect(),
            people: Weights::zipf(active, PEOPLE_FLATNESS),
            shops: Weights::zipf(merchants, MERCHANT_FLATNESS),
            firms: Weights::zipf(organisations, BUSINESS_FLATNESS),
        }
    }

    /// How many accounts there are.
    pub(crate) const fn len(&self) -> usize {
        self.opened.len()
    }

    /// The address of an account, which owns itself.
    pub(crate) fn address(account: Account) -> Address {
        let number = u64::try_from(account).unwrap_or_default();
        Address::from_word(keccak256([b"customer".as_slice(), &number.to_be_bytes()].concat()))
    }

    /// What an account is.
    pub(crate) const fn kind(&self, account: Account) -> AccountType {
        if account < self.businesses {
            AccountType::Business
        } else if account < self.organisations() {
            AccountType::Merchant
        } else {
            AccountType::Retail
        }
    }

    /// When an account is opened.
    pub(crate) fn opened(&self, account: Account) -> u64 {
        self.opened.get(account).copied().unwrap_or(GENESIS)
    }

    const fn organisations(&self) -> usize {
        self.businesses + self.merchants
    }

    /// The person of a rank, the most active first.
    pub(crate) const fn person(&self, rank: usize) -> Account {
        self.organisations() + rank % self.active
    }

    /// How many people pay.
    pub(crate) const fn people(&self) -> usize {
        self.active
    }

    /// A sleeper.
    pub(crate) const fn sleeper(&self, number: usize) -> Account {
        self.organisations() + self.active + number
    }

    /// Somebody who pays, the active more often.
    pub(crate) fn payer(&self, at: u64, random: &mut Random) -> Account {
        self.open(at, || self.person(self.people.draw(random)))
    }

    /// Anybody.
    pub(crate) fn anybody(&self, at: u64, random: &mut Random) -> Account {
        self.open(at, || self.person(random.index(self.active)))
    }

    /// One of the less active half, who came at the beginning.
    pub(crate) fn quiet(&self, random: &mut Random) -> Account {
        self.open(GENESIS, || self.person(self.active / 2 + random.index(self.active / 2)))
    }

    /// Somebody who came while payments were made, if there is anybody.
    pub(crate) fn newcomer(&self, random: &mut Random) -> Option<Account> {
        let mut draws = (0..200).map(|_| self.person(random.index(self.active)));
        draws.find(|&account| self.opened(account) > GENESIS)
    }

    /// A shop, the known ones more often.
    pub(crate) fn shop(&self, random: &mut Random) -> Account {
        self.businesses + self.shops.draw(random)
    }

    /// A business or merchant that pays, the large more often.
    pub(crate) fn firm(&self, random: &mut Random) -> Account {
        self.firms.draw(random)
    }

    /// A business or merchant, whatever its size.
    pub(crate) fn any_firm(&self, random: &mut Random) -> Account {
        random.index(self.organisations())
    }

    /// One of the people whom somebody usually pays.
    pub(crate) fn friend(&self, of: Account, at: u64, random: &mut Random) -> Account {
        let mut usual = self.usual(Stream::Friend, of, random.below(FRIENDS));
        self.anybody(at, &mut usual)
    }

    /// One of the shops where somebody usually buys.
    pub(crate) fn usual_shop(&self, of: Account, random: &mut Random) -> Account {
        let mut usual = self.usual(Stream::Shop, of, random.below(SHOPS));
        self.shop(&mut usual)
    }

    /// One of the suppliers of a business.
    pub(crate) fn supplier(&self, of: Account, random: &mut Random) -> Account {
        let mut usual = self.usual(Stream::Supplier, of, random.below(SUPPLIERS));
        self.any_firm(&mut usual)
    }

    /// Who lets a flat to somebody: a business or, as often, a person.
    pub(crate) fn landlord(&self, of: Account) -> Account {
        let mut usual = self.usual(Stream::Landlord, of, 0);
        if usual.percent(50) {
            self.any_firm(&mut usual)
        } else {
            self.anybody(GENESIS, &mut usual)
        }
    }

    fn usual(&self, stream: Stream, of: Account, which: u64) -> Random {
        Random::of(self.seed, &[stream as u64, u64::try_from(of).unwrap_or_default(), which])
    }

    /// The first account drawn that is open; after many tries the first business.
    fn open(&self, at: u64, mut draw: impl FnMut() -> Account) -> Account {
        let found = (0..200).map(|_| draw()).find(|&account| self.opened(account) <= at);
        found.unwrap_or(0)
    }
}
