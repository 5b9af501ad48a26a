//! The rules' terms as parameters of the registry: one number each, for each currency.

use crate::access::parameters::Parameter;
use crate::risk::records::{DAY, TERMS, Terms};

/// From a proposal to its effect.
const DELAY: u64 = DAY;

/// A parameter that is a field of [`Terms`]. Each change counts up the version.
macro_rules! term {
    ($id:literal $name:literal $field:ident: $type:ty, $min:literal..=$max:literal) => {
        Parameter {
            id: $id,
            name: $name,
            min: $min,
            initial: Terms::DEFAULT.$field as u64,
            max: $max,
            delay: DELAY,
            load: |host, currency| Ok(TERMS.at(host, &currency)?.load(host)?.$field.into()),
            store: |host, currency, value| {
                let slot = TERMS.at(host, &currency)?;
                let terms = slot.load(host)?;
                let $field = <$type>::try_from(value).unwrap_or(<$type>::MAX);
                let version = terms.version.wrapping_add(1);
                slot.store(host, &Terms { $field, version, ..terms })
            },
        }
    };
}

/// By id.
pub(crate) const PARAMETERS: [Parameter; 22] = [
    term!(101 "risk.weight.velocity" velocity: u8, 0..=250),
    term!(102 "risk.weight.outlier" outlier: u8, 0..=250),
    term!(103 "risk.weight.structuring" structuring: u8, 0..=250),
    term!(104 "risk.weight.new-counterparty" new_counterparty: u8, 0..=250),
    term!(105 "risk.weight.pass-through" pass_through: u8, 0..=250),
    term!(106 "risk.weight.dormant" dormant: u8, 0..=250),
    term!(107 "risk.weight.corridor" corridor: u8, 0..=250),
    term!(108 "risk.weight.round" round: u8, 0..=250),
    term!(109 "risk.weight.young" young: u8, 0..=250),
    term!(110 "risk.weight.repeated" repeated: u8, 0..=250),
    term!(111 "risk.score.review" review: u8, 1..=251),
    term!(112 "risk.score.reject" reject: u8, 1..=251),
    term!(113 "risk.velocity.payments" hourly_payments: u16, 1..=65_535),
    term!(114 "risk.velocity.outgoing" hourly_outgoing: u32, 1..=4_294_967_295),
    term!(115 "risk.structuring.threshold" reporting: u32, 1..=4_294_967_295),
    term!(116 "risk.structuring.band" band: u8, 1..=50),
    term!(117 "risk.structuring.payments" banded: u8, 2..=255),
    term!(118 "risk.outlier.deviations" deviations: u8, 1..=100),
    term!(119 "risk.pass-through.share" share: u8, 1..=100),
    term!(120 "risk.dormant.days" dormant_days: u8, 1..=255),
    term!(121 "risk.young.days" young_days: u8, 0..=255),
    term!(122 "risk.repeated.times" repeats: u8, 2..=255),
];
