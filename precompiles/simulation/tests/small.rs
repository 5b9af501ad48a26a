//! A simulation that is small enough for every test run: the same seed gives the same verdicts, every
//! pattern is found, few honest customers are bothered.

use qenex_simulation::{Config, Pattern, Report, run};

fn small(seed: u64, terms: Vec<(String, u64)>) -> anyhow::Result<Report> {
    let config = Config { payments: 20_000, accounts: 2_000, seed, days: 180, terms };
    run(&config, |_| ())
}

#[test]
fn the_same_seed_gives_the_same_verdicts_and_another_seed_others() {
    let report = small(1, Vec::new()).unwrap();
    assert_eq!(report, small(1, Vec::new()).unwrap());
    assert_ne!(report.digest, small(2, Vec::new()).unwrap().digest);
}

#[test]
fn every_pattern_that_the_rules_can_see_is_found_and_few_honest_payments_are_stopped() {
    let report = small(1, Vec::new()).unwrap();
    assert_eq!(report.payments(), 20_000);
    for pattern in Pattern::ALL {
        let found = &report.planted[&pattern];
        assert!(found.cases.len() >= 4, "{}", pattern.name());
        // One payment a day is less than the structuring rule counts, and hours later an inflow has faded.
        if !matches!(pattern, Pattern::DailyStructuring | Pattern::PatientMule) {
            let half = found.cases.len().div_ceil(2);
            assert!(found.detected() >= half.try_into().unwrap(), "{}\n{report}", pattern.name());
        }
    }
    let honest = report.all_honest();
    assert!(honest.alarms() * 100 < honest.payments, "{report}");
    assert!(honest.refused.is_empty() && report.feeding.refused.is_empty(), "{report}");
}

#[test]
fn changed_terms_change_the_verdicts_and_unknown_ones_are_refused() {
    let off = vec![("risk.score.review".to_owned(), 251), ("risk.score.reject".to_owned(), 251)];
    let report = small(1, off).unwrap();
    assert_eq!(report.all_honest().alarms(), 0);
    assert!(report.planted.values().all(|pattern| pattern.detected() == 0));
    let wrong = vec![("risk.weight.guess".to_owned(), 1)];
    let config = Config { payments: 20_000, accounts: 2_000, seed: 1, days: 180, terms: wrong };
    let error = run(&config, |_| ()).unwrap_err().to_string();
    assert!(error.contains("risk.weight.guess is not one of risk."), "{error}");
}
