//! The registry of parameters: bounds, delays and changes under way. Values lie with their engines.

use alloy_primitives::{Address, FixedBytes};
use alloy_sol_types::SolEvent;
use qenex_types::Currency;

use super::Role;
use super::abi::IAccess;
use super::records::{CHANGES, Change};
use super::roles::has_role;
use crate::errors::{refusal, refuse};
use crate::registry::ACCESS;
use crate::storage::Seconds;
use crate::{EngineError, Host, HostError, IQenexErrors, ledger, risk};

/// A number that the network can change without new software, one for each currency.
pub(crate) struct Parameter {
    /// Public and for ever.
    pub(crate) id: u16,
    /// For people; what it means and its unit stand where it is used.
    pub(crate) name: &'static str,
    /// Least value.
    pub(crate) min: u64,
    /// Value at the start.
    pub(crate) initial: u64,
    /// Greatest value.
    pub(crate) max: u64,
    /// Seconds from a proposal to its effect.
    pub(crate) delay: u64,
    /// Reads the value.
    pub(crate) load: fn(&mut dyn Host, Currency) -> Result<u64, HostError>,
    /// Writes a value within the bounds.
    pub(crate) store: fn(&mut dyn Host, Currency, u64) -> Result<(), HostError>,
}

/// All parameters, by engine.
pub(crate) fn all() -> impl Iterator<Item = &'static Parameter> {
    risk::parameters::PARAMETERS.iter()
}

pub(crate) fn ids() -> Vec<u16> {
    all().map(|parameter| parameter.id).collect()
}

fn find(
    host: &mut dyn Host,
    id: u16,
    code: FixedBytes<3>,
) -> Result<(&'static Parameter, Currency), EngineError> {
    let parameter = all()
        .find(|parameter| parameter.id == id)
        .ok_or_else(|| refusal(IQenexErrors::UnknownParameter { id }))?;
    let (currency, _) = ledger::registered(host, code)?;
    Ok((parameter, currency))
}

/// Proposes another value, for a caller who may. It replaces a change under way.
pub(crate) fn propose(
    host: &mut dyn Host,
    caller: Address,
    call: &IAccess::proposeParameterCall,
) -> Result<(), EngineError> {
    let &IAccess::proposeParameterCall { id, currency, value } = call;
    let (parameter, _) = find(host, id, currency)?;
    let &Parameter { min, max, delay, .. } = parameter;
    if value < min || value > max {
        return refuse(IQenexErrors::ParameterOutOfBounds { id, min, max });
    }
    let effective_at = Seconds::new(host.block().timestamp.saturating_add(delay));
    CHANGES.at(host, &id)?.at(host, &currency)?.store(host, &Change { value, effective_at })?;
    let event = IAccess::ParameterProposed {
        id,
        currency,
        value,
        effectiveAt: effective_at.get(),
        by: caller,
    };
    Ok(host.log(ACCESS, event.encode_log_data())?)
}

/// Changes a parameter as proposed, for anybody.
pub(crate) fn apply(host: &mut dyn Host, id: u16, code: FixedBytes<3>) -> Result<(), EngineError> {
    let (parameter, currency) = find(host, id, code)?;
    let slot = CHANGES.at(host, &id)?.at(host, &code)?;
    let change = slot.load(host)?;
    let effective_at = change.effective_at.get();
    if effective_at == 0 || host.block().timestamp < effective_at {
        return refuse(IQenexErrors::ChangeNotDue { id, effectiveAt: effective_at });
    }
    let previous = (parameter.load)(host, currency)?;
    (parameter.store)(host, currency, change.value)?;
    slot.store(host, &Change::default())?;
    let event = IAccess::ParameterApplied { id, currency: code, previous, value: change.value };
    Ok(host.log(ACCESS, event.encode_log_data())?)
}

/// Takes a change back, for admins and guardians.
pub(crate) fn cancel(
    host: &mut dyn Host,
    caller: Address,
    id: u16,
    code: FixedBytes<3>,
) -> Result<(), EngineError> {
    let may = has_role(host, Role::Admin, caller)? || has_role(host, Role::Guardian, caller)?;
    if !may {
        return refuse(IQenexErrors::NotAuthorised { caller });
    }
    find(host, id, code)?;
    let slot = CHANGES.at(host, &id)?.at(host, &code)?;
    if slot.load(host)?.effective_at.get() == 0 {
        return refuse(IQenexErrors::ChangeNotDue { id, effectiveAt: 0 });
    }
    slot.store(host, &Change::default())?;
    let event = IAccess::ParameterCancelled { id, currency: code, by: caller };
    Ok(host.log(ACCESS, event.encode_log_data())?)
}

/// A parameter as the interface shows it.
pub(crate) fn view(
    host: &mut dyn Host,
    id: u16,
    code: FixedBytes<3>,
) -> Result<IAccess::parameterReturn, EngineError> {
    let (parameter, currency) = find(host, id, code)?;
    let change = CHANGES.at(host, &id)?.at(host, &code)?.load(host)?;
    Ok(IAccess::parameterReturn {
        name: parameter.name.to_owned(),
        value: (parameter.load)(host, currency)?,
        min: parameter.min,
        initial: parameter.initial,
        max: parameter.max,
        delay: parameter.delay,
        pendingValue: change.value,
        effectiveAt: change.effective_at.get(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_are_unique_and_initial_values_within_bounds() {
        let mut seen: Vec<_> = all().map(|parameter| parameter.id).collect();
        seen.sort_unstable();
        assert!(seen.windows(2).all(|pair| pair[0] < pair[1]));
        let mut names: Vec<_> = all().map(|parameter| parameter.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]));
        for parameter in all() {
            let &Parameter { min, initial, max, .. } = parameter;
            assert!(min <= initial && initial <= max, "{}", parameter.name);
        }
    }
}
