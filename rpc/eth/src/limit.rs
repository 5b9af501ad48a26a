//! How much one address may ask: a bucket of units that refills steadily, from which every method
//! takes its weight. Who has emptied it waits.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use jsonrpsee::server::{HttpBody, HttpResponse};
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::Instant;

use crate::error::LIMIT;

/// Seconds of refilling that a bucket holds.
const BURST: u64 = 5;

/// Addresses remembered; then those with full buckets are forgotten.
const MAX_CLIENTS: usize = 16_384;

/// What a call of a method takes, in units; the usual read takes one.
pub(crate) fn weight(method: &str) -> u64 {
    match method.split_once('_') {
        Some(("debug" | "trace" | "ots", _)) => 50,
        _ => match method {
            "eth_simulateV1" | "eth_callMany" => 50,
            "qenex_getSettlementProof"
            | "qenex_getTrialBalance"
            | "eth_call"
            | "eth_estimateGas"
            | "eth_createAccessList"
            | "eth_getProof"
            | "eth_getLogs"
            | "eth_getFilterLogs"
            | "eth_feeHistory"
            | "eth_fillTransaction" => 10,
            "eth_sendRawTransaction" | "eth_sendRawTransactionSync" | "eth_getBlockReceipts" => 5,
            _ => 1,
        },
    }
}

/// The buckets of all addresses.
#[derive(Debug)]
pub(crate) struct Clients {
    /// Units a second; none: no limit.
    rate: Option<u64>,
    buckets: Mutex<BTreeMap<IpAddr, Arc<Bucket>>>,
}

/// The bucket of one address; absent where there is no limit.
pub(crate) type Client = Option<Arc<Bucket>>;

#[derive(Debug)]
pub(crate) struct Bucket {
    rate: u64,
    level: Mutex<Level>,
}

/// Thousandths of units, negative after a call that took more than there was.
#[derive(Clone, Copy, Debug)]
struct Level {
    milli: i64,
    at: Instant,
}

impl Clients {
    /// With as many units a second for each address; 0: no limit.
    pub(crate) fn new(rate: u32) -> Self {
        let rate = (rate > 0).then_some(u64::from(rate));
        Self { rate, buckets: Mutex::default() }
    }

    /// The bucket of an address; of IPv6 the first 64 bits count, which is what one customer has.
    pub(crate) fn of(&self, address: IpAddr) -> Client {
        let rate = self.rate?;
        let key = match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
            v4 => v4,
        };
        let mut buckets = self.buckets.lock();
        if buckets.len() >= MAX_CLIENTS && !buckets.contains_key(&key) {
            let now = Instant::now();
            buckets.retain(|_, bucket| !bucket.is_full(now));
        }
        Some(Arc::clone(buckets.entry(key).or_insert_with(|| Arc::new(Bucket::full(rate)))))
    }
}

impl Bucket {
    fn full(rate: u64) -> Self {
        let level = Level { milli: milli(rate.saturating_mul(BURST)), at: Instant::now() };
        Self { rate, level: Mutex::new(level) }
    }

    fn is_full(&self, now: Instant) -> bool {
        self.refilled(*self.level.lock(), now).milli >= milli(self.rate.saturating_mul(BURST))
    }

    fn refilled(&self, level: Level, now: Instant) -> Level {
        let elapsed = u64::try_from(now.saturating_duration_since(level.at).as_millis());
        let more = elapsed.unwrap_or(u64::MAX).saturating_mul(self.rate);
        let milli = level
            .milli
            .saturating_add(i64::try_from(more).unwrap_or(i64::MAX))
            .min(milli(self.rate.saturating_mul(BURST)));
        Level { milli, at: now }
    }

    /// Takes units if there are any at all, also more than there are.
    ///
    /// # Errors
    ///
    /// How long to wait until there is one, at least a second.
    pub(crate) fn take(&self, units: u64) -> Result<(), Duration> {
        self.take_at(units, Instant::now())
    }

    fn take_at(&self, units: u64, now: Instant) -> Result<(), Duration> {
        let mut kept = self.level.lock();
        let level = self.refilled(*kept, now);
        if level.milli <= 0 {
            let missing = level.milli.unsigned_abs().saturating_add(1_000);
            return Err(Duration::from_millis(missing.div_ceil(self.rate).max(1_000)));
        }
        *kept = Level { milli: level.milli.saturating_sub(milli(units)), at: now };
        Ok(())
    }
}

fn milli(units: u64) -> i64 {
    i64::try_from(units.saturating_mul(1_000)).unwrap_or(i64::MAX)
}

/// The words for who asks too much.
pub(crate) fn message(wait: Duration) -> String {
    format!("request rate exceeded, retry in {} s", wait.as_millis().div_ceil(1_000))
}

/// Status 429 with the time to wait, for who has emptied the bucket.
pub(crate) fn too_many(wait: Duration) -> HttpResponse {
    let error = json!({"code": LIMIT, "message": message(wait)});
    let body = json!({"jsonrpc": "2.0", "id": null, "error": error}).to_string();
    let mut response = HttpResponse::new(HttpBody::from(body));
    if let Ok(status) = 429_u16.try_into() {
        *response.status_mut() = status;
    }
    let seconds = u64::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX);
    response.headers_mut().insert("retry-after", seconds.into());
    if let Ok(json) = "application/json".parse() {
        response.headers_mut().insert("content-type", json);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_what_flows_in() {
        let clients = Clients::new(10);
        let client = clients.of("192.0.2.7".parse().unwrap()).unwrap();
        let mut now = client.level.lock().at;
        for _ in 0..50 {
            client.take_at(1, now).unwrap();
        }
        assert_eq!(client.take_at(1, now), Err(Duration::from_secs(1)));
        now += Duration::from_millis(100);
        // One has flowed in; a heavy call takes it and leaves a debt of 49.
        client.take_at(50, now).unwrap();
        assert_eq!(client.take_at(1, now), Err(Duration::from_secs(5)));
        now += Duration::from_millis(5_001);
        client.take_at(1, now).unwrap();
        assert!(!client.is_full(now) && client.is_full(now + Duration::from_secs(60)));
    }

    #[test]
    fn addresses_have_their_own_buckets_and_ipv6_customers_one() {
        let clients = Clients::new(1);
        let of = |text: &str| clients.of(text.parse().unwrap()).unwrap();
        assert!(Arc::ptr_eq(&of("192.0.2.7"), &of("::ffff:192.0.2.7")));
        assert!(!Arc::ptr_eq(&of("192.0.2.7"), &of("192.0.2.8")));
        assert!(Arc::ptr_eq(&of("2001:db8::1"), &of("2001:db8::2")));
        assert!(!Arc::ptr_eq(&of("2001:db8::1"), &of("2001:db8:0:1::1")));
        assert!(Clients::new(0).of("192.0.2.7".parse().unwrap()).is_none());
    }
}
