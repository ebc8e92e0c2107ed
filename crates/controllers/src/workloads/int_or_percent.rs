//! Counts that may be shares (`GetScaledValueFromIntOrPercent` of k8s.io/apimachinery `pkg/util/intstr`).

use meta::Doc;

/// The count that `value` (`3` or `"25%"`) means of `total`. What is neither counts as none: validation has refused it.
pub(crate) fn int_or_percent(value: &Doc, total: i64, round_up: bool) -> i64 {
    if let Some(number) = value.as_i64() {
        return number;
    }
    let percent = value.as_str().and_then(|text| text.strip_suffix('%')?.parse::<i64>().ok()).unwrap_or(0);
    let hundredths = percent.saturating_mul(total);
    if round_up { hundredths.saturating_add(99).div_euclid(100) } else { hundredths.div_euclid(100) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn shares_round_as_asked() {
        for (value, total, up, down) in [
            (json!(3), 10, 3, 3),
            (json!(0), 10, 0, 0),
            (json!("25%"), 10, 3, 2),
            (json!("25%"), 4, 1, 1),
            (json!("1%"), 1, 1, 0),
            (json!("0%"), 10, 0, 0),
            (json!("100%"), 7, 7, 7),
            (json!("130%"), 10, 13, 13),
            (json!("x"), 10, 0, 0),
            (Doc::Null, 10, 0, 0),
        ] {
            assert_eq!(
                (int_or_percent(&value, total, true), int_or_percent(&value, total, false)),
                (up, down),
                "{value} of {total}"
            );
        }
    }
}
