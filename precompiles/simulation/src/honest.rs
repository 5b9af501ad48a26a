//! What honest customers do.

use crate::calendar::{Calendar, MONTH};
use crate::plan::{Habit, Payment, Truth};
use crate::population::{Account, Population};
use crate::random::{LogNormal, Random, Weights};

/// Per cent of the honest payments that are salaries.
const SALARIES: usize = 18;
/// Per cent of the employed who pay rent.
const TENANTS: u64 = 60;
/// Per cent of the employed who put most of each salary aside at once.
const SAVERS: u64 = 2;
/// Per cent of the other payments: purchases, to people, between businesses; the rest is large.
const OTHERS: [u64; 3] = [62, 20, 17];

/// How much the largest employers stand out.
const EMPLOYER_FLATNESS: u64 = 5;

// Amounts, cents. Medians near what is usual in rich countries; the spreads make a long tail.
const PURCHASE: LogNormal = LogNormal { median: 2_400, sigma: 105 };
const GIFT: LogNormal = LogNormal { median: 4_500, sigma: 110 };
const SALARY: LogNormal = LogNormal { median: 320_000, sigma: 45 };
const RENT: LogNormal = LogNormal { median: 95_000, sigma: 40 };
const SUPPLY: LogNormal = LogNormal { median: 78_000, sigma: 140 };
const LARGE: LogNormal = LogNormal { median: 600_000, sigma: 80 };

/// Most that a person pays at once: what the tier allows, less a margin.
const MOST_OF_PEOPLE: u64 = 4_500_000;
/// Most that a business pays at once.
const MOST_OF_FIRMS: u64 = 100_000_000;

/// What people give each other.
const ROUND_GIFTS: [u64; 7] = [1_000, 2_000, 2_500, 3_000, 5_000, 10_000, 20_000];
/// How prices end.
const PRICES: [u64; 4] = [99, 95, 50, 0];

/// So many payments, not in order.
pub(crate) fn payments(
    number: usize,
    population: &Population,
    calendar: &Calendar,
    random: &mut Random,
) -> Vec<Payment> {
    let mut payments = monthly(number, population, calendar, random);
    payments.truncate(number);
    while payments.len() < number {
        let roll = random.below(100);
        let [purchases, people, firms] = OTHERS;
        payments.push(if roll < purchases {
            purchase(population, calendar, random)
        } else if roll < purchases + people {
            gift(population, calendar, random)
        } else if roll < purchases + people + firms {
            supply(population, calendar, random)
        } else {
            large(population, calendar, random)
        });
    }
    payments
}

fn honest(at: u64, payer: Account, payee: Account, cents: u64, habit: Habit) -> Payment {
    Payment { at, payer, payee, cents, truth: Truth::Honest(habit) }
}

/// Salaries, and what is paid from them: the employed are the most active of the people.
fn monthly(
    number: usize,
    population: &Population,
    calendar: &Calendar,
    random: &mut Random,
) -> Vec<Payment> {
    let months = (calendar.days / MONTH).max(1);
    let months_of = usize::try_from(months).unwrap_or(1);
    let employed = (number * SALARIES / 100 / months_of).min(population.people());
    // As many employers as give thirty people work on average.
    let employers = Weights::zipf((employed / 30).max(1), EMPLOYER_FLATNESS);
    let mut payments = Vec::new();
    for rank in 0..employed {
        let person = population.person(rank);
        let employer = employers.draw(random) % population.len();
        let salary = SALARY.draw(random).min(MOST_OF_PEOPLE);
        let rent = RENT.draw(random).div_ceil(2_500) * 2_500;
        let tenant = random.percent(TENANTS) && rent < salary;
        let saver = random.percent(SAVERS);
        let by_hour = random.percent(30);
        for month in 0..months {
            // A payroll is one office's work of two hours, on the same day of every month.
            let payday = MONTH * month + 20 + u64::try_from(employer).unwrap_or_default() % 8;
            let mut office = Random::of(payday, &[u64::try_from(employer).unwrap_or_default()]);
            let at = calendar.office_hours(payday, &mut office) + random.below(7_200);
            let cents = if by_hour { salary * random.within(90, 110) / 100 } else { salary };
            if at < population.opened(person) {
                continue;
            }
            payments.push(honest(at, employer, person, cents, Habit::Salary));
            if saver {
                let later = at + random.within(300, 3_000);
                let part = cents * random.within(80, 95) / 100 / 1_000 * 1_000;
                let account = population.friend(person, at, &mut Random::new(0));
                payments.push(honest(later, person, account, part, Habit::Saving));
            }
            if tenant {
                let at = calendar.office_hours(MONTH * month + random.below(4), random);
                let landlord = population.landlord(person);
                if at >= population.opened(person) {
                    payments.push(honest(at, person, landlord, rent, Habit::Rent));
                }
            }
        }
    }
    payments.retain(|payment| payment.payer != payment.payee && payment.at < calendar.end());
    payments
}

fn purchase(population: &Population, calendar: &Calendar, random: &mut Random) -> Payment {
    let at = calendar.people(random);
    let payer = population.payer(at, random);
    let usual = random.percent(80);
    let shop = if usual { population.usual_shop(payer, random) } else { population.shop(random) };
    let cents = PURCHASE.draw(random).min(MOST_OF_PEOPLE);
    let cents = if random.percent(40) { cents / 100 * 100 + random.one_of(&PRICES) } else { cents };
    honest(at, payer, shop, cents.max(50), Habit::Purchase)
}

fn gift(population: &Population, calendar: &Calendar, random: &mut Random) -> Payment {
    let at = calendar.people(random);
    let payer = population.payer(at, random);
    let payee = others(payer, random, |random| {
        if random.percent(85) {
            population.friend(payer, at, random)
        } else {
            population.anybody(at, random)
        }
    });
    let cents = if random.percent(50) {
        random.one_of(&ROUND_GIFTS)
    } else {
        GIFT.draw(random).min(MOST_OF_PEOPLE)
    };
    honest(at, payer, payee, cents, Habit::Person)
}

fn supply(population: &Population, calendar: &Calendar, random: &mut Random) -> Payment {
    let at = calendar.offices(random);
    let payer = population.firm(random);
    let payee = others(payer, random, |random| {
        if random.percent(88) {
            population.supplier(payer, random)
        } else {
            population.any_firm(random)
        }
    });
    let cents = SUPPLY.draw(random).min(MOST_OF_FIRMS);
    let cents = if random.percent(15) { cents.div_ceil(10_000) * 10_000 } else { cents };
    honest(at, payer, payee, cents, Habit::Supplier)
}

fn large(population: &Population, calendar: &Calendar, random: &mut Random) -> Payment {
    let at = calendar.people(random);
    let payer = population.payer(at, random);
    let payee = others(payer, random, |random| {
        if random.percent(70) {
            population.any_firm(random)
        } else {
            population.anybody(at, random)
        }
    });
    let cents = LARGE.draw(random).min(MOST_OF_PEOPLE);
    let cents = if random.percent(60) { cents.div_ceil(10_000) * 10_000 } else { cents };
    honest(at, payer, payee, cents, Habit::Large)
}

/// Draws until it is somebody else.
fn others(
    payer: Account,
    random: &mut Random,
    mut draw: impl FnMut(&mut Random) -> Account,
) -> Account {
    let found = (0..100).map(|_| draw(random)).find(|&payee| payee != payer);
    found.unwrap_or(usize::from(payer == 0))
}
