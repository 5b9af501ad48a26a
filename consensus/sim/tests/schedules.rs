//! Thousands of hostile schedules, and proof that the oracles are awake.

use qenex_sim::{Forget, Options, Report, run};

/// How many seeds; `QENEX_SIM_SEEDS` overrides it.
fn seeds(default: u64) -> u64 {
    std::env::var("QENEX_SIM_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The first seed; `QENEX_SIM_FIRST` overrides it, to replay a failure with one seed.
fn first() -> u64 {
    std::env::var("QENEX_SIM_FIRST").ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

#[test]
fn hostile_schedules_neither_fork_nor_stall() {
    let (first, count) = (first(), seeds(2_500));
    let mut sum = Report::default();
    for seed in first..first + count {
        let report = run(seed, &Options::default()).unwrap_or_else(|violation| {
            panic!("{violation}\nreplay: QENEX_SIM_FIRST={seed} QENEX_SIM_SEEDS=1")
        });
        sum.blocks += report.blocks;
        sum.crashes += report.crashes;
        sum.evidence += report.evidence;
        sum.equivocations += report.equivocations;
        sum.delivered += report.delivered;
        sum.syncs += report.syncs;
    }
    println!(
        "{count} schedules from seed {first}: {} blocks final, {} crashes, {} equivocating \
         messages, {} pieces of evidence, {} messages delivered, {} syncs",
        sum.blocks, sum.crashes, sum.equivocations, sum.evidence, sum.delivered, sum.syncs
    );
    assert!(sum.blocks > count && sum.crashes > count / 4 && sum.evidence > count / 4);
}

#[test]
fn equal_seeds_give_equal_histories() {
    for seed in 0..40 {
        let options = Options::default();
        assert_eq!(run(seed, &options), run(seed, &options), "seed {seed}");
    }
    let traces: std::collections::BTreeSet<_> =
        (0..40).filter_map(|seed| run(seed, &Options::default()).ok()).map(|r| r.trace).collect();
    assert_eq!(traces.len(), 40);
}

#[test]
fn every_planted_loss_of_memory_is_noticed() {
    for (forget, within) in [
        (Forget::Timeout, 400),
        (Forget::Prepare, 400),
        (Forget::Lock, 400),
        (Forget::Proposal, 400),
    ] {
        let options = Options { forget, validators: Some(4) };
        let noticed = (0..within).find_map(|seed| run(seed, &options).err());
        match noticed {
            Some(violation) => println!("{forget:?} noticed: {violation:.160}"),
            None => panic!("{forget:?} was not noticed within {within} seeds"),
        }
    }
}
