//! Namespaces: which groups of methods a listener serves.

use std::{collections::BTreeSet, net::SocketAddr};

use serde::{Deserialize, Serialize};

/// What a method's name has before its first underscore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Namespace {
    /// Raw blocks and traces of transactions.
    Debug,
    /// What wallets and libraries call.
    Eth,
    /// Chain id and peers.
    Net,
    /// Otterscan's methods.
    Ots,
    /// Consensus, certificates and proofs of this chain.
    Qenex,
    /// Which namespaces there are.
    Rpc,
    /// Traces as Parity has them.
    Trace,
    /// What waits in the pool.
    Txpool,
    /// The node's version and keccak256.
    Web3,
}

impl Namespace {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Debug,
        Self::Eth,
        Self::Net,
        Self::Ots,
        Self::Qenex,
        Self::Rpc,
        Self::Trace,
        Self::Txpool,
        Self::Web3,
    ];

    /// What methods of this namespace begin with, without the underscore.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Eth => "eth",
            Self::Net => "net",
            Self::Ots => "ots",
            Self::Qenex => "qenex",
            Self::Rpc => "rpc",
            Self::Trace => "trace",
            Self::Txpool => "txpool",
            Self::Web3 => "web3",
        }
    }

    /// The namespace of a method.
    pub(crate) fn of(method: &str) -> Option<Self> {
        let (prefix, _) = method.split_once('_')?;
        Self::ALL.into_iter().find(|namespace| namespace.name() == prefix)
    }

    /// What is served unless configured: everything on loopback, where developers' tools need it,
    /// and elsewhere nothing that is costly or shows the whole pool.
    #[must_use]
    pub fn usual(listen: SocketAddr) -> BTreeSet<Self> {
        let costly = [Self::Debug, Self::Ots, Self::Trace, Self::Txpool];
        let all = Self::ALL.into_iter();
        all.filter(|namespace| listen.ip().is_loopback() || !costly.contains(namespace)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Namespace;

    #[test]
    fn a_name_is_the_same_in_methods_and_in_configuration() {
        for namespace in Namespace::ALL {
            let text = format!("\"{}\"", namespace.name());
            assert_eq!(serde_json::from_str::<Namespace>(&text).unwrap(), namespace);
            assert_eq!(Namespace::of(&format!("{}_x_y", namespace.name())), Some(namespace));
        }
        assert_eq!(Namespace::of("eth"), None);
        assert_eq!(Namespace::of("admin_peers"), None);
    }

    #[test]
    fn only_loopback_shows_the_pool_and_traces() {
        let usual = |text: &str| Namespace::usual(text.parse().unwrap());
        assert_eq!(usual("127.0.0.1:1").len(), Namespace::ALL.len());
        assert_eq!(usual("[::1]:1").len(), Namespace::ALL.len());
        let public = usual("0.0.0.0:1");
        assert!(!public.contains(&Namespace::Debug) && !public.contains(&Namespace::Txpool));
        assert!(public.contains(&Namespace::Eth) && public.contains(&Namespace::Qenex));
    }
}
