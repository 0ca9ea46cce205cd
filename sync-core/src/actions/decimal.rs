//! Adding up what a database or a chart says in decimals, without the dust that floats leave behind.
//!
//! Knows nothing of amounts: those are whole minor units, of which adding is exact anyway.

/// Decimals that numbers are told with. A float has 17 digits that mean something; more are the width of `i128`.
const DECIMALS_MAX: usize = 18;

/// Below it every whole number is a float of its own, and so is the sum of two.
const WHOLE_MAX: f64 = 4_503_599_627_370_496.0;

/// The sum of two decimal texts, as short as it can be said. Exact, but where a number is larger than can be counted.
pub fn plus(left: &str, right: &str) -> String {
    exact(left, right).unwrap_or_else(|| (float(left) + float(right)).to_string())
}

/// The sum of floats that stand for the decimals which they are shown as: 0.1 and 0.2 are 0.3.
pub fn sum(numbers: impl IntoIterator<Item = f64>) -> f64 {
    // Counts and amounts are whole: floats add those exactly.
    let is_whole = |number: f64| number.fract() == 0.0 && number.abs() < WHOLE_MAX;
    let add = |left: f64, right: f64| match is_whole(left) && is_whole(right) {
        true => left + right,
        false => float(&plus(&left.to_string(), &right.to_string())),
    };
    numbers.into_iter().fold(0.0, add)
}

fn float(text: &str) -> f64 {
    text.parse().unwrap_or_default()
}

fn exact(left: &str, right: &str) -> Option<String> {
    let (left, right) = (Decimal::of(left)?, Decimal::of(right)?);
    let decimals = left.decimals.max(right.decimals);
    let count = left.in_parts(decimals)?.checked_add(right.in_parts(decimals)?)?;
    Some(Decimal { count, decimals }.text())
}

/// A whole number of parts, and how many decimals a part is.
struct Decimal {
    count: i128,
    decimals: usize,
}

impl Decimal {
    fn of(text: &str) -> Option<Self> {
        // A database says `1.5e+20`; as a float of this language it is written out.
        let written = if text.contains(['e', 'E']) { text.parse::<f64>().ok()?.to_string() } else { text.to_owned() };
        let (whole, fraction) = written.split_once('.').unwrap_or((&written, ""));
        let fraction = fraction.trim_end_matches('0');
        let is_told = fraction.len() <= DECIMALS_MAX && fraction.bytes().all(|digit| digit.is_ascii_digit());
        let count = is_told.then(|| format!("{whole}{fraction}").parse().ok()).flatten()?;
        Some(Self { count, decimals: fraction.len() })
    }

    fn in_parts(&self, decimals: usize) -> Option<i128> {
        let more = u32::try_from(decimals.checked_sub(self.decimals)?).ok()?;
        self.count.checked_mul(10_i128.checked_pow(more)?)
    }

    fn text(&self) -> String {
        let sign = if self.count < 0 { "-" } else { "" };
        let digits = format!("{:0>width$}", self.count.unsigned_abs(), width = self.decimals + 1);
        let (whole, fraction) = digits.split_at(digits.len() - self.decimals);
        let text = format!("{sign}{whole}.{fraction}");
        if fraction.is_empty() { format!("{sign}{whole}") } else { text.trim_end_matches('0').trim_end_matches('.').to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_add_up_as_on_paper() {
        let cases = [
            ("0.1", "0.2", "0.3"),
            ("1.5", "1.5", "3"),
            ("-0.5", "0.2", "-0.3"),
            ("-0.5", "0.5", "0"),
            ("9007199254740993", "0.25", "9007199254740993.25"),
            ("9223372036854775807", "1", "9223372036854775808"),
            ("3.0", "0", "3"),
            ("1.0e-05", "2", "2.00001"),
            ("1e+300", "1", &1e300_f64.to_string()),
        ];
        for (left, right, sum) in cases {
            assert_eq!((plus(left, right), plus(right, left)), (sum.to_owned(), sum.to_owned()), "{left} + {right}");
        }
    }

    #[test]
    fn floats_add_up_to_the_decimals_that_they_are_shown_as() {
        assert_eq!(sum([0.1, 0.2, 0.3, -0.6, 1e-7]), 1e-7);
        assert_eq!(sum([]), 0.0);
        assert!(sum([f64::INFINITY, 1.0]).is_infinite());
    }
}
