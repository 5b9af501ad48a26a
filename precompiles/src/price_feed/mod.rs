//! The face of a price feed: the oracle's rounds as contracts written for Chainlink's feeds read them.
//!
//! Owns no state, and writes nothing: rounds are the oracle's.

use alloy_primitives::aliases::U80;
use alloy_primitives::{I256, U256};
use alloy_sol_types::SolCall;

use self::abi::IPriceFeed;
use self::abi::IPriceFeed::IPriceFeedCalls as Calls;
use crate::oracle::answers::{latest, past};
use crate::oracle::feeds::{description, known};
use crate::registry::{Engine, decode_call, price_feed_number};
use crate::{Call, EngineError, Host};

pub mod abi;
#[cfg(test)]
mod tests;

/// The engine's row in the registry.
pub(crate) const ENGINE: Engine = Engine {
    interface: "IPriceFeed",
    address: None,
    abi: IPriceFeed::abi::contract,
    source: include_str!("abi.rs"),
    dispatch,
};

/// Version of the face.
const VERSION: u8 = 1;

fn dispatch(host: &mut dyn Host, call: &Call<'_>) -> Result<Vec<u8>, EngineError> {
    let calls = decode_call::<Calls>(call.input)?;
    let feed = known(host, price_feed_number(call.address).unwrap_or_default())?;
    Ok(match calls {
        Calls::decimals(_) => IPriceFeed::decimalsCall::abi_encode_returns(&feed.terms.decimals),
        Calls::description(_) => {
            let description = description(host, &feed)?;
            IPriceFeed::descriptionCall::abi_encode_returns(&description)
        }
        Calls::version(_) => IPriceFeed::versionCall::abi_encode_returns(&U256::from(VERSION)),
        Calls::getRoundData(c) => {
            let round = past(host, &feed, c.roundId)?;
            IPriceFeed::getRoundDataCall::abi_encode_returns(&IPriceFeed::getRoundDataReturn {
                roundId_: c.roundId,
                answer: I256::unchecked_from(round.answer),
                startedAt: U256::from(round.started_at.get()),
                updatedAt: U256::from(round.updated_at.get()),
                answeredInRound: c.roundId,
            })
        }
        Calls::latestRoundData(_) => {
            let (id, round) = latest(host, &feed)?;
            let id = U80::from(id);
            IPriceFeed::latestRoundDataCall::abi_encode_returns(
                &IPriceFeed::latestRoundDataReturn {
                    roundId: id,
                    answer: I256::unchecked_from(round.answer),
                    startedAt: U256::from(round.started_at.get()),
                    updatedAt: U256::from(round.updated_at.get()),
                    answeredInRound: id,
                },
            )
        }
        Calls::latestAnswer(_) => {
            let answer = I256::unchecked_from(latest(host, &feed)?.1.answer);
            IPriceFeed::latestAnswerCall::abi_encode_returns(&answer)
        }
        Calls::latestTimestamp(_) => {
            let updated_at = U256::from(latest(host, &feed)?.1.updated_at.get());
            IPriceFeed::latestTimestampCall::abi_encode_returns(&updated_at)
        }
        Calls::latestRound(_) => {
            let id = U256::from(latest(host, &feed)?.0);
            IPriceFeed::latestRoundCall::abi_encode_returns(&id)
        }
    })
}
