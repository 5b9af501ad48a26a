//! Compliance: tiers with limits, corridors, deny list, attestations, freezes, travel rule.
//!
//! What a payment reads of a currency is one word, [`records::Class`] of the payer's tier; what it reads
//! of an account is in the profile's first word, whose flags say where more is to be looked up. Here
//! these words are kept; the checks themselves are `../ledger/checks.rs`. Freezes are `freezes.rs`.

use alloy_primitives::{Address, FixedBytes};
use alloy_sol_types::{SolCall, SolEvent};
use qenex_types::{Corridor, Currency};

use self::abi::ICompliance;
use self::abi::ICompliance::IComplianceCalls as Calls;
use self::records::{
    ATTESTATIONS, Attestation, CLASSES, CORRIDORS, Class, CorridorTerms, DENIALS, Denial,
    LIST_VERSION, TIERS,
};
use crate::access::{self, Role};
use crate::accounts::records::{Head, PROFILES, flag};
use crate::accounts::{Party, bump, set_flag};
use crate::errors::{refusal, refuse};
use crate::registry::{COMPLIANCE, Engine, decode_call};
use crate::risk::records::{Count, DAY, count, minor};
use crate::storage::{Days, Seconds};
use crate::{Call, EngineError, Host, HostError, IQenexErrors, ledger};

pub mod abi;
mod freezes;
pub mod records;
#[cfg(test)]
mod tests;

pub(crate) use freezes::frozen;

/// The engine's row in the registry.
pub(crate) const ENGINE: Engine = Engine {
    interface: "ICompliance",
    address: Some(COMPLIANCE),
    abi: ICompliance::abi::contract,
    source: include_str!("abi.rs"),
    dispatch,
};

/// Most addresses that come on the deny list at a time.
const MAX_DENIALS: usize = 256;

/// Types of attestations there are.
const ATTESTATION_TYPES: u8 = 8;

fn dispatch(host: &mut dyn Host, call: &Call<'_>) -> Result<Vec<u8>, EngineError> {
    let caller = call.caller;
    match decode_call::<Calls>(call.input)? {
        Calls::setTier(c) => {
            access::require_role(host, Role::ComplianceOfficer, caller)?;
            set_tier(host, c.account, c.tier, c.until)?;
        }
        Calls::setTierLimits(c) => {
            access::require_approved(host, Role::ComplianceOfficer, call)?;
            set_tier_limits(host, &c)?;
        }
        Calls::requireAttestations(c) => {
            access::require_approved(host, Role::ComplianceOfficer, call)?;
            require_attestations(host, &c)?;
        }
        Calls::setTravelRule(c) => {
            access::require_approved(host, Role::ComplianceOfficer, call)?;
            set_travel_rule(host, &c)?;
        }
        Calls::setCorridor(c) => {
            access::require_approved(host, Role::ComplianceOfficer, call)?;
            set_corridor(host, &c)?;
        }
        Calls::setDenied(c) => {
            access::require_approved(host, Role::ComplianceOfficer, call)?;
            set_denied(host, &c)?;
        }
        Calls::freeze(c) => {
            access::require_role(host, Role::ComplianceOfficer, caller)?;
            freezes::freeze(host, caller, &c)?;
        }
        Calls::release(c) => {
            access::require_role(host, Role::ComplianceOfficer, caller)?;
            freezes::release(host, caller, c.account)?;
        }
        Calls::attest(c) => {
            access::require_role(host, Role::Attestor, caller)?;
            attest(host, caller, &c)?;
        }
        Calls::tierOf(c) => {
            let tier = tier_of(host, c.currency, c.tier)?;
            return Ok(ICompliance::tierOfCall::abi_encode_returns(&tier));
        }
        Calls::corridor(c) => {
            let terms = corridor_of(host, c.from, c.to)?;
            let corridor = terms.corridor.unwrap_or(Corridor::Open).number();
            let answer = ICompliance::corridorReturn { terms: corridor, watched: terms.watched };
            return Ok(ICompliance::corridorCall::abi_encode_returns(&answer));
        }
        Calls::isDenied(c) => {
            let denied = is_denied(host, c.account)?;
            return Ok(ICompliance::isDeniedCall::abi_encode_returns(&denied));
        }
        Calls::denyListVersion(_) => {
            let version = LIST_VERSION.load(host)?;
            return Ok(ICompliance::denyListVersionCall::abi_encode_returns(&version));
        }
        Calls::freezeOf(c) => {
            let freeze = freezes::view(host, c.account)?;
            return Ok(ICompliance::freezeOfCall::abi_encode_returns(&freeze));
        }
        Calls::attestationOf(c) => {
            let attestation = ATTESTATIONS.at(host, &c.account)?.at(host, &c.attestation)?;
            let Attestation { attestor, finding, expires, version } = attestation.load(host)?;
            return Ok(ICompliance::attestationOfCall::abi_encode_returns(
                &ICompliance::attestationOfReturn {
                    finding,
                    attestor,
                    expires: expires.get(),
                    version,
                },
            ));
        }
    }
    Ok(Vec::new())
}

/// Gives a new currency its terms: active, without limits for any tier.
pub(crate) fn open_currency(
    host: &mut dyn Host,
    currency: Currency,
    exponent: u8,
) -> Result<(), HostError> {
    let class = Class {
        registered: true,
        active: true,
        exponent,
        attestations: 0,
        per_payment: Count::GREATEST,
        per_day: Count::GREATEST,
        per_thirty_days: Count::GREATEST,
        travel_rule: Count::GREATEST,
    };
    let classes = CLASSES.at(host, &currency)?;
    (0..TIERS).try_for_each(|tier| classes.at(tier.into()).store(host, &class))
}

/// Suspends a currency or allows it again.
pub(crate) fn set_active(
    host: &mut dyn Host,
    currency: Currency,
    active: bool,
) -> Result<(), HostError> {
    change_classes(host, currency, |class| Class { active, ..class })
}

/// The terms of a currency for a tier; not registered if there is no such currency.
pub(crate) fn class(host: &mut dyn Host, currency: Currency, tier: u8) -> Result<Class, HostError> {
    CLASSES.at(host, &currency)?.at(tier.into()).load(host)
}

fn change_classes(
    host: &mut dyn Host,
    currency: Currency,
    change: impl Fn(Class) -> Class,
) -> Result<(), HostError> {
    let classes = CLASSES.at(host, &currency)?;
    for tier in 0..TIERS {
        let slot = classes.at(tier.into());
        let class = change(slot.load(host)?);
        slot.store(host, &class)?;
    }
    Ok(())
}

fn require_tier(tier: u8) -> Result<(), EngineError> {
    if tier < TIERS { Ok(()) } else { refuse(IQenexErrors::InvalidTier { tier }) }
}

/// Sets a tier, for a caller who may.
pub(crate) fn set_tier(
    host: &mut dyn Host,
    account: Address,
    tier: u8,
    until: u64,
) -> Result<(), EngineError> {
    // Check.
    Party::load(host, account)?;
    require_tier(tier)?;
    if until != 0 && until < host.block().timestamp {
        return refuse(IQenexErrors::InvalidExpiry { expires: until });
    }

    // Write.
    let slots = PROFILES.at(host, &account)?;
    let head = slots.head.load(host)?;
    let tier_until = Days::new(until / DAY);
    slots.head.store(host, &Head { tier, tier_until, ..head })?;
    let version = bump(host, &slots)?;

    // Emit.
    let until = match tier_until.get() {
        0 => 0,
        day => day.saturating_add(1).saturating_mul(DAY).saturating_sub(1),
    };
    let event = ICompliance::TierChanged { account, tier, until, version };
    Ok(host.log(COMPLIANCE, event.encode_log_data())?)
}

fn set_tier_limits(
    host: &mut dyn Host,
    call: &ICompliance::setTierLimitsCall,
) -> Result<(), EngineError> {
    let (currency, _) = ledger::registered(host, call.currency)?;
    require_tier(call.tier)?;
    let slot = CLASSES.at(host, &currency)?.at(call.tier.into());
    let class = slot.load(host)?;
    let exponent = class.exponent;
    let class = Class {
        per_payment: count(call.perPayment, exponent),
        per_day: count(call.perDay, exponent),
        per_thirty_days: count(call.perThirtyDays, exponent),
        ..class
    };
    slot.store(host, &class)?;
    let event = ICompliance::TierLimitsChanged {
        currency: call.currency,
        tier: call.tier,
        perPayment: minor(class.per_payment, exponent),
        perDay: minor(class.per_day, exponent),
        perThirtyDays: minor(class.per_thirty_days, exponent),
    };
    Ok(host.log(COMPLIANCE, event.encode_log_data())?)
}

fn require_attestations(
    host: &mut dyn Host,
    call: &ICompliance::requireAttestationsCall,
) -> Result<(), EngineError> {
    let &ICompliance::requireAttestationsCall { currency: code, tier, types } = call;
    let (currency, _) = ledger::registered(host, code)?;
    require_tier(tier)?;
    let slot = CLASSES.at(host, &currency)?.at(tier.into());
    let class = slot.load(host)?;
    slot.store(host, &Class { attestations: types, ..class })?;
    let event = ICompliance::AttestationsRequired { currency: code, tier, types };
    Ok(host.log(COMPLIANCE, event.encode_log_data())?)
}

fn set_travel_rule(
    host: &mut dyn Host,
    call: &ICompliance::setTravelRuleCall,
) -> Result<(), EngineError> {
    let (currency, slots) = ledger::registered(host, call.currency)?;
    let exponent = slots.terms.load(host)?.exponent;
    let travel_rule = count(call.threshold, exponent);
    change_classes(host, currency, |class| Class { travel_rule, ..class })?;
    let threshold = minor(travel_rule, exponent);
    let event = ICompliance::TravelRuleChanged { currency: call.currency, threshold };
    Ok(host.log(COMPLIANCE, event.encode_log_data())?)
}

fn set_corridor(
    host: &mut dyn Host,
    call: &ICompliance::setCorridorCall,
) -> Result<(), EngineError> {
    let &ICompliance::setCorridorCall { from, to, corridor, watched } = call;
    for jurisdiction in [from, to] {
        if !jurisdiction.iter().all(u8::is_ascii_uppercase) {
            return refuse(IQenexErrors::InvalidJurisdiction { jurisdiction });
        }
    }
    let terms = Corridor::from_number(corridor)
        .ok_or_else(|| refusal(IQenexErrors::InvalidCorridor { corridor }))?;
    let record = CorridorTerms { corridor: Some(terms), watched };
    CORRIDORS.at(host, &from)?.at(host, &to)?.store(host, &record)?;
    let event = ICompliance::CorridorChanged { from, to, corridor, watched };
    Ok(host.log(COMPLIANCE, event.encode_log_data())?)
}

fn set_denied(host: &mut dyn Host, call: &ICompliance::setDeniedCall) -> Result<(), EngineError> {
    if call.accounts.len() > MAX_DENIALS {
        let given = call.accounts.len().try_into().unwrap_or(u64::MAX);
        return refuse(IQenexErrors::TooManyItems { most: 256, given });
    }
    let version = LIST_VERSION.load(host)?.saturating_add(1);
    LIST_VERSION.store(host, &version)?;
    let list_version = u32::try_from(version).unwrap_or(u32::MAX);
    let since = Seconds::new(host.block().timestamp);
    for &account in &call.accounts {
        let denial = Denial { listed: call.listed, list_version, since };
        DENIALS.at(host, &account)?.store(host, &denial)?;
        set_flag(host, account, flag::DENIED, call.listed)?;
        let event = ICompliance::DenyListChanged {
            account,
            listed: call.listed,
            listVersion: list_version,
        };
        host.log(COMPLIANCE, event.encode_log_data())?;
    }
    Ok(())
}

fn attest(
    host: &mut dyn Host,
    attestor: Address,
    call: &ICompliance::attestCall,
) -> Result<(), EngineError> {
    let &ICompliance::attestCall { account, attestation, finding, expires, version } = call;
    Party::load(host, account)?;
    let invalid = |field: &str| refuse(IQenexErrors::InvalidAttestation { field: field.into() });
    if attestation >= ATTESTATION_TYPES {
        return invalid("attestation");
    }
    if finding > 2 {
        return invalid("finding");
    }
    if finding != 0 && expires <= host.block().timestamp {
        return invalid("expires");
    }
    let record = if finding == 0 {
        Attestation::default()
    } else {
        Attestation { attestor, finding, expires: Seconds::new(expires), version }
    };
    ATTESTATIONS.at(host, &account)?.at(host, &attestation)?.store(host, &record)?;
    let event = ICompliance::Attested {
        account,
        attestation,
        attestor,
        finding,
        expires: record.expires.get(),
        version,
    };
    Ok(host.log(COMPLIANCE, event.encode_log_data())?)
}

/// Whether an account has every attestation in `types`, in force and clear.
pub(crate) fn is_attested(
    host: &mut dyn Host,
    account: Address,
    types: u8,
) -> Result<bool, HostError> {
    let now = host.block().timestamp;
    for attestation in 0..ATTESTATION_TYPES {
        if types & 1 << attestation == 0 {
            continue;
        }
        let record = ATTESTATIONS.at(host, &account)?.at(host, &attestation)?.load(host)?;
        if record.finding != 1 || now > record.expires.get() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether an address is on the deny list.
pub(crate) fn is_denied(host: &mut dyn Host, account: Address) -> Result<bool, HostError> {
    Ok(DENIALS.at(host, &account)?.load(host)?.listed)
}

/// How payments between two jurisdictions are treated.
pub(crate) fn corridor_of(
    host: &mut dyn Host,
    from: FixedBytes<2>,
    to: FixedBytes<2>,
) -> Result<CorridorTerms, HostError> {
    CORRIDORS.at(host, &from)?.at(host, &to)?.load(host)
}

fn tier_of(
    host: &mut dyn Host,
    code: FixedBytes<3>,
    tier: u8,
) -> Result<ICompliance::tierOfReturn, EngineError> {
    let (currency, _) = ledger::registered(host, code)?;
    require_tier(tier)?;
    let class = class(host, currency, tier)?;
    Ok(ICompliance::tierOfReturn {
        perPayment: minor(class.per_payment, class.exponent),
        perDay: minor(class.per_day, class.exponent),
        perThirtyDays: minor(class.per_thirty_days, class.exponent),
        attestations: class.attestations,
        travelRule: minor(class.travel_rule, class.exponent),
    })
}
