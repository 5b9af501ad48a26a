//! What people do with the contract suite, on any network that has it. Part of the tests that start
//! such networks.

use std::collections::BTreeMap;

use alloy_primitives::{Address, U256};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::sol;
use qenex_client::Client;
use serde_json::Value;

sol! {
    function approve(address spender, uint256 value) returns (bool);
    function balanceOf(address account) returns (uint256);

    function supply(address token, uint256 amount);
    function borrow(address token, uint256 amount);
    function repay(address token, uint256 amount);
    function owed(address account, address token) returns (uint256);

    struct Hop { address token; bool stable; }
    struct Deposit {
        address tokenA; address tokenB; bool stable; uint256 amountA; uint256 amountB; uint256 minA;
        uint256 minB; uint256 minShares; address to; uint256 deadline;
    }
    function swapExactIn(
        address tokenIn, uint256 amountIn, uint256 minOut, Hop[] path, address to, uint256 deadline
    ) returns (uint256 amountOut);
    function addLiquidity(Deposit deposit) returns (uint256, uint256, uint256);

    interface IQxc {
        function stake(uint256 amount, uint256 lockPeriod);
        function getVotes(address account) returns (uint256);
    }
    interface IFarm {
        function stake(uint256 amount, address account);
        function stakeOf(address account) returns (uint256);
    }
}

/// Ten to the power of this is one QXC.
const QXC_DIGITS: u64 = 18;

fn qxc(whole: u64) -> U256 {
    U256::from(whole) * U256::from(10).pow(U256::from(QXC_DIGITS))
}

/// The addresses that the repository publishes for development networks.
pub(crate) fn published() -> BTreeMap<String, Address> {
    let text = include_str!("../../../contracts/deployments/20824.json");
    let file: Value = serde_json::from_str(text).unwrap();
    serde_json::from_value(file["contracts"].clone()).unwrap()
}

/// Supplies, borrows, repays, swaps, stakes coin and shares of a pair, with real transactions of an account
/// that has 10,000 USD and coin.
pub(crate) async fn use_it(url: &str, signer: &PrivateKeySigner) {
    let contracts = published();
    let at = |name: &str| contracts[name];
    let client = Client::connect(url).await.unwrap();
    let me = signer.address();
    let allow = async |token: Address, spender: Address| {
        let all = approveCall { spender, value: U256::MAX };
        client.execute(signer, token, &all).await.unwrap();
    };
    let balance =
        async |token: Address| client.read(token, &balanceOfCall { account: me }).await.unwrap();
    let (usd, eur, wbtc, coin) = (at("USD"), at("EUR"), at("WBTC"), at("QXC"));

    // The lending pool: 0.01 WBTC, worth 600, against 5,000 USD, and half of it back.
    let pool = at("LendingPool");
    allow(usd, pool).await;
    let amount = U256::from(500_000);
    client.execute(signer, pool, &supplyCall { token: usd, amount }).await.unwrap();
    let before = balance(wbtc).await;
    let amount = U256::from(1_000_000);
    client.execute(signer, pool, &borrowCall { token: wbtc, amount }).await.unwrap();
    assert_eq!(balance(wbtc).await, before + amount);
    allow(wbtc, pool).await;
    let half = repayCall { token: wbtc, amount: U256::from(500_000) };
    client.execute(signer, pool, &half).await.unwrap();
    let owed = client.read(pool, &owedCall { account: me, token: wbtc }).await.unwrap();
    assert!((U256::from(500_000)..U256::from(500_100)).contains(&owed), "{owed}");
    // 5,000 USD carry 4,000 of debt: a tenth of a WBTC would be 6,000.
    let too_much = borrowCall { token: wbtc, amount: U256::from(10_000_000) };
    client.execute(signer, pool, &too_much).await.unwrap_err();

    // The router: 110.00 USD are about 100 EUR.
    let router = at("PoolRouter");
    allow(usd, router).await;
    let before = balance(eur).await;
    let swap = swapExactInCall {
        tokenIn: usd,
        amountIn: U256::from(11_000),
        minOut: U256::from(9_900),
        path: vec![Hop { token: eur, stable: false }],
        to: me,
        deadline: U256::MAX,
    };
    client.execute(signer, router, &swap).await.unwrap();
    let got = balance(eur).await - before;
    assert!((U256::from(9_900)..U256::from(10_000)).contains(&got), "{got}");

    // A stake of coin has votes.
    let stake = IQxc::stakeCall { amount: qxc(100), lockPeriod: U256::from(90 * 86_400) };
    client.execute(signer, coin, &stake).await.unwrap();
    let votes = client.read(coin, &IQxc::getVotesCall { account: me }).await.unwrap();
    assert_eq!(votes, qxc(100));

    // Shares of a pair, staked in its farm.
    allow(coin, router).await;
    let (pair, farm) = (at("QxcUsdPair"), at("QxcUsdFarm"));
    let deposit = Deposit {
        tokenA: coin,
        tokenB: usd,
        stable: false,
        amountA: qxc(50),
        amountB: U256::from(10_000),
        minA: U256::ZERO,
        minB: U256::ZERO,
        minShares: U256::from(1),
        to: me,
        deadline: U256::MAX,
    };
    client.execute(signer, router, &addLiquidityCall { deposit }).await.unwrap();
    let shares = balance(pair).await;
    assert!(!shares.is_zero());
    allow(pair, farm).await;
    let stake = IFarm::stakeCall { amount: shares, account: me };
    client.execute(signer, farm, &stake).await.unwrap();
    let staked = client.read(farm, &IFarm::stakeOfCall { account: me }).await.unwrap();
    assert_eq!(staked, shares);
}
