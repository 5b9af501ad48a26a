//! A replay for people.

use std::fmt;

use alloy_primitives::Log;
use alloy_sol_types::SolEvent;
use qenex_types::RiskOutcome;

use super::{End, EngineCall, Replay};
use crate::risk::Assessment;
use crate::risk::findings::{Finding, findings};
use crate::risk::records::minor;
use crate::risk::rules::{MAX_SCORE, Rule};
use crate::{IRisk, Outcome, RISK, decode_error, engines, face_currency};

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let block = self.block;
        writeln!(
            f,
            "block {}, time {}, chain {}; engine calls: {}",
            block.number,
            block.timestamp,
            block.chain_id,
            self.calls.len()
        )?;
        for (number, call) in (1..).zip(&self.calls) {
            write!(f, "\ncall {number}: {call}")?;
        }
        writeln!(f)?;
        write_logs(f, &self.logs, &self.recorded_logs)?;
        writeln!(f, "{}", if self.agrees() { "agrees" } else { "differs" })
    }
}

impl fmt::Display for EngineCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} by {}", function(self), self.caller)?;
        let now = self.outcome.as_ref().map_or("not run".to_owned(), |outcome| match outcome {
            Outcome::Success(output) => ended("returns", output),
            Outcome::Revert(output) => ended("reverts with", output),
        });
        let then = match &self.recorded {
            End::Return(output) => ended("returns", output),
            End::Revert(output) => ended("reverts with", output),
            End::Halt(error) => format!("stopped: {error}"),
        };
        if self.agrees() {
            writeln!(f, "  agrees: {then}")?;
        } else {
            writeln!(f, "  differs: now {now}; on the chain {then}")?;
        }
        self.assessments.iter().try_for_each(|assessment| write!(f, "{assessment}"))
    }
}

/// The engine and its function.
fn function(call: &EngineCall) -> String {
    let face = face_currency(call.engine);
    let engine = engines().iter().find(|engine| match engine.address {
        Some(address) => address == call.engine,
        None => face.is_some(),
    });
    let selector = call.input.get(..4).unwrap_or_default();
    let name = engine.and_then(|engine| {
        let abi = (engine.abi)();
        let name = abi.functions().find(|function| function.selector() == selector)?.name.clone();
        Some(format!("{}.{name}", engine.interface))
    });
    let name = name.unwrap_or_else(|| format!("{} {}", call.engine, hex(selector)));
    face.map_or(name.clone(), |currency| format!("{name} ({currency})"))
}

/// Bytes of an output that are shown: two words.
const SHOWN: usize = 64;

fn ended(how: &str, output: &[u8]) -> String {
    let text = decode_error(output).unwrap_or_else(|| match output.get(..SHOWN) {
        Some(first) if output.len() > SHOWN => {
            format!("{}… ({} bytes)", hex(first), output.len())
        }
        _ => hex(output),
    });
    format!("{how} {text}")
}

fn hex(bytes: &[u8]) -> String {
    alloy_primitives::hex::encode_prefixed(bytes)
}

impl fmt::Display for Assessment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { facts, terms, verdict, .. } = self;
        match self.id {
            Some(id) => writeln!(f, "  payment {id}")?,
            None => writeln!(f, "  payment through the ERC-20 face")?,
        }
        writeln!(
            f,
            "    {} minor units of {} from {} to {}",
            minor(facts.amount, facts.exponent),
            self.currency,
            self.payer,
            self.payee
        )?;
        for Finding { rule, weight, fires, seen } in findings(facts, terms) {
            let mark = if fires { "fires" } else { "-" };
            let (number, name) = (rule as u8, rule.name());
            writeln!(f, "    {number:>2} {name:<16} {mark:<5} {weight:>4}  {seen}")?;
        }
        let outcome = match verdict.outcome {
            RiskOutcome::Allow => "ALLOW",
            RiskOutcome::Review => "REVIEW",
            RiskOutcome::Reject => "REJECT",
        };
        writeln!(
            f,
            "    score {} of {MAX_SCORE}: {outcome} (review from {}, reject from {}; terms version {})",
            verdict.score,
            terms.review_score(),
            terms.reject_score(),
            terms.version
        )
    }
}

fn write_logs(f: &mut fmt::Formatter<'_>, now: &[Log], then: &[Log]) -> fmt::Result {
    if now == then {
        return writeln!(f, "events of the engines: {}, all as in the receipt", now.len());
    }
    writeln!(f, "events of the engines: {} now, {} in the receipt", now.len(), then.len())?;
    for index in 0..now.len().max(then.len()) {
        let (now, then) = (now.get(index), then.get(index));
        if now != then {
            writeln!(f, "  event {index}")?;
            writeln!(f, "    now          {}", event(now))?;
            writeln!(f, "    on the chain {}", event(then))?;
        }
    }
    Ok(())
}

fn event(log: Option<&Log>) -> String {
    let Some(log) = log else { return "none".to_owned() };
    let assessed = IRisk::Assessed::decode_log(log).ok().filter(|_| log.address == RISK);
    if let Some(event) = assessed {
        let IRisk::Assessed { id, outcome, score, rules, ruleSet: version } = event.data;
        let fired = Rule::ALL.into_iter().filter(|rule| rules & rule.bit() != 0);
        let names: Vec<_> = fired.map(Rule::name).collect();
        return format!(
            "Assessed {id}: outcome {outcome}, score {score}, rules {rules:#06x} ({}), version {version}",
            names.join(", ")
        );
    }
    let topics: Vec<_> = log.topics().iter().map(|topic| hex(topic.as_slice())).collect();
    format!("{} [{}] {}", log.address, topics.join(" "), hex(&log.data.data))
}
