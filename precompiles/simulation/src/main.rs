//! `qenex-simulation`: simulates payments and prints what the risk rules said of them, in Markdown.

use clap::Parser;
use qenex_simulation::{Config, run};

/// Simulates payments among made-up customers with planted crimes, through the real engines, and prints
/// what the risk rules found and whom they bothered, in Markdown. The same arguments give the same report.
#[derive(Debug, Parser)]
#[command(name = "qenex-simulation", version)]
struct Arguments {
    /// Payments, planted ones included.
    #[arg(long, default_value_t = 1_000_000)]
    payments: usize,
    /// Customers.
    #[arg(long, default_value_t = 100_000)]
    accounts: usize,
    /// All chance comes from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Days over which the payments are spread.
    #[arg(long, default_value_t = 180)]
    days: u64,
    /// A term of the rules that is not the default, e.g. risk.score.review=120. May stand several times.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = term)]
    terms: Vec<(String, u64)>,
}

fn term(text: &str) -> Result<(String, u64), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=VALUE is needed")?;
    let value = value.parse().map_err(|error| format!("{value:?}: {error}"))?;
    Ok((name.to_owned(), value))
}

#[expect(clippy::disallowed_methods, reason = "how fast it was")]
fn main() -> anyhow::Result<()> {
    let Arguments { payments, accounts, seed, days, terms } = Arguments::parse();
    let config = Config { payments, accounts, seed, days, terms };
    let mut first = None;
    let report = run(&config, |made| {
        let first = first.get_or_insert_with(std::time::Instant::now);
        eprint!("\r{made} of {payments} payments, {} s", first.elapsed().as_secs());
    })?;
    println!("{report}");
    if let Some(first) = first {
        let spent = first.elapsed();
        let made = u128::try_from(payments).unwrap_or(u128::MAX);
        let rate = made * 1_000 / spent.as_millis().max(1);
        eprintln!("\r{payments} payments in {} s: {rate} a second", spent.as_secs());
    }
    Ok(())
}
