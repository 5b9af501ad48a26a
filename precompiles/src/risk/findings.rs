//! The rules' verdicts one by one, with what each looked at: for people.

use super::records::{DAY, Terms};
use super::rules::{
    Facts, HABIT_PAYMENTS, Rule, fires, hourly_outgoing, hourly_payments, is_banded, judges, little,
};

/// What one rule says of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which rule.
    pub rule: Rule,
    /// What it adds to the score if it fires.
    pub weight: u16,
    /// Whether it does.
    pub fires: bool,
    /// What it looked at. Amounts are counts ([`super::records::Count`]).
    pub seen: String,
}

/// What every rule says of a payment. The weights of those that fire add up to the score of
/// [`super::rules::judge`].
pub fn findings(facts: &Facts, terms: &Terms) -> [Finding; 10] {
    Rule::ALL.map(|rule| {
        let weight = rule.weight(terms);
        Finding {
            rule,
            weight: u16::from(weight).saturating_mul(4),
            fires: fires(rule, facts, terms),
            seen: if !judges(rule, facts) {
                "does not look at accounts of this kind".to_owned()
            } else if weight == 0 {
                "switched off".to_owned()
            } else {
                seen(rule, facts, terms)
            },
        }
    })
}

fn seen(rule: Rule, facts: &Facts, terms: &Terms) -> String {
    let &Facts { amount, exponent, flow, habit, .. } = facts;
    let amount = amount.get();
    match rule {
        Rule::Velocity => format!(
            "payments {} of {}, outgoing {} of {}",
            u64::from(flow.payments).saturating_add(1),
            hourly_payments(facts, terms),
            flow.outgoing.plus(amount).get(),
            hourly_outgoing(facts, terms),
        ),
        Rule::Outlier => format!(
            "amount {amount}, mean {}, {} deviations of {}, payments {} of {HABIT_PAYMENTS}",
            habit.mean.get(),
            terms.deviations,
            habit.deviation.get(),
            habit.payments,
        ),
        Rule::Structuring => {
            let place = if is_banded(facts.amount, exponent, terms) { "in" } else { "not in" };
            format!(
                "amount {amount} {place} the band, {} before today, {} are needed",
                flow.day_banded, terms.banded
            )
        }
        Rule::NewCounterparty => match facts.pair.first.get() {
            0 => "never paid before".to_owned(),
            first => format!(
                "first paid {} days ago, known after 2",
                facts.today.saturating_sub(first / DAY)
            ),
        },
        Rule::PassThrough => format!(
            "outgoing {}, {} % of incoming {}, which counts from {}",
            flow.outgoing.plus(amount).get(),
            terms.share,
            flow.incoming.get(),
            little(exponent, terms),
        ),
        Rule::Dormant => format!(
            "silent for {} days of {}, amount {amount}, which counts from {}",
            facts.today.saturating_sub(facts.last_active),
            terms.dormant_days,
            little(exponent, terms),
        ),
        Rule::Corridor => if facts.watched_corridor { "watched" } else { "not watched" }.to_owned(),
        Rule::Round => format!("amount {amount}"),
        Rule::Young => format!(
            "opened {} days ago, young for {}",
            facts.today.saturating_sub(facts.opened_on),
            terms.young_days
        ),
        Rule::Repeated => format!(
            "amount {amount}, last {}, paid {} times in a row, {} are needed",
            habit.last.get(),
            u16::from(habit.repeats).saturating_add(u16::from(habit.payments > 0)),
            terms.repeats,
        ),
    }
}
