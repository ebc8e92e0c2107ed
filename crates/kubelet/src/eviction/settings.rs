//! When to evict, as a KubeletConfiguration says it (kubernetes pkg/kubelet/eviction/helpers.go, ParseThresholdConfig).

use super::signal::{Level, Signal};
use crate::pod::quantity;
use meta::Doc;
use serde_json::json;

/// What EKS's AMIs set (amazon-eks-ami `nodeadm/internal/kubelet/config.go`).
const EKS_HARD: [(&str, &str); 3] = [("memory.available", "100Mi"), ("nodefs.available", "10%"), ("nodefs.inodesFree", "5%")];
/// `evictionPressureTransitionPeriod`
const TRANSITION_S: i64 = 300;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    Absolute(i64),
    /// Of the capacity; 10 is a tenth.
    Percent(f64),
}

impl Amount {
    pub fn of(self, level: Level) -> i64 {
        match self {
            Self::Absolute(amount) => amount,
            Self::Percent(percent) => (level.capacity as f64 * percent / 100.0) as i64,
        }
    }
}

/// When less is available than this, for as long as this.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    pub signal: Signal,
    pub amount: Amount,
    /// Zero: at once, and the pod gets no time either.
    pub grace_s: i64,
    /// How much more must be free before it is over.
    pub reclaim: Option<Amount>,
}

impl Threshold {
    pub fn is_hard(&self) -> bool {
        self.grace_s == 0
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct EvictionSettings {
    pub thresholds: Vec<Threshold>,
    /// How long a condition stays after it was last seen.
    pub transition_s: i64,
    /// What pods get at most that are evicted by a soft threshold.
    pub max_pod_grace_s: i64,
}

impl Default for EvictionSettings {
    fn default() -> Self {
        let percent_or_bytes = |value: &str| amount(&json!(value)).ok().flatten().expect("the constants above are amounts");
        let hard = EKS_HARD.map(|(name, value)| {
            let signal = Signal::named(name).expect("the constants above name signals");
            Threshold { signal, amount: percent_or_bytes(value), grace_s: 0, reclaim: None }
        });
        Self { thresholds: with_allocatable(hard.into()), transition_s: TRANSITION_S, max_pod_grace_s: 0 }
    }
}

impl EvictionSettings {
    /// `config`: a KubeletConfiguration. Where it says nothing, EKS's.
    pub fn from_config(config: &Doc) -> Result<Self, String> {
        let mut settings = Self::default();
        let soft = thresholds(&config["evictionSoft"], &config["evictionSoftGracePeriod"])?;
        if config["evictionHard"].is_object() {
            settings.thresholds = thresholds(&config["evictionHard"], &Doc::Null)?;
        }
        settings.thresholds.retain(|threshold| threshold.signal != Signal::AllocatableMemoryAvailable);
        settings.thresholds.extend(soft);
        for (name, value) in config["evictionMinimumReclaim"].as_object().into_iter().flatten() {
            let (signal, reclaim) = (signal(name)?, amount(value)?);
            settings.thresholds.iter_mut().filter(|t| t.signal == signal).for_each(|t| t.reclaim = reclaim);
        }
        settings.thresholds = with_allocatable(settings.thresholds);
        if let Some(period) = config["evictionPressureTransitionPeriod"].as_str() {
            settings.transition_s = seconds(period).ok_or_else(|| format!("invalid duration {period:?}"))?;
        }
        if let Some(grace) = config["evictionMaxPodGracePeriod"].as_i64() {
            settings.max_pod_grace_s = grace;
        }
        Ok(settings)
    }
}

/// What holds for the node's memory holds for the part of it that pods may have.
fn with_allocatable(mut thresholds: Vec<Threshold>) -> Vec<Threshold> {
    let of_node = thresholds.iter().find(|threshold| threshold.signal == Signal::MemoryAvailable && threshold.is_hard());
    let of_pods = of_node.map(|threshold| Threshold { signal: Signal::AllocatableMemoryAvailable, ..*threshold });
    thresholds.extend(of_pods);
    thresholds
}

fn signal(name: &str) -> Result<Signal, String> {
    Signal::named(name).ok_or_else(|| format!("unsupported eviction signal {name}"))
}

/// `{"memory.available": "100Mi"}`; grace periods belong to soft ones only.
fn thresholds(amounts: &Doc, periods: &Doc) -> Result<Vec<Threshold>, String> {
    let mut out = Vec::new();
    for (name, value) in amounts.as_object().into_iter().flatten() {
        let signal = signal(name)?;
        let grace_s = match periods {
            Doc::Null => 0,
            periods => {
                let missing = || format!("grace period must be specified for the soft eviction threshold {name}");
                periods[name].as_str().and_then(seconds).ok_or_else(missing)?
            }
        };
        if let Some(amount) = amount(value)? {
            out.push(Threshold { signal, amount, grace_s, reclaim: None });
        }
    }
    out.sort_by_key(|threshold| threshold.signal);
    Ok(out)
}

/// None: 0 % and 100 % switch a threshold off.
fn amount(value: &Doc) -> Result<Option<Amount>, String> {
    let text = value.as_str().unwrap_or_default();
    let wrong = || format!("invalid eviction threshold {value}");
    if let Some(percent) = text.strip_suffix('%') {
        let percent: f64 = percent.parse().map_err(|_| wrong())?;
        return match percent {
            0.0 | 100.0 => Ok(None),
            _ if (0.0..100.0).contains(&percent) => Ok(Some(Amount::Percent(percent))),
            _ => Err(wrong()),
        };
    }
    let amount = quantity(value).filter(|quantity| !quantity.is_zero() && !quantity.is_negative()).ok_or_else(wrong)?;
    Ok(Some(Amount::Absolute(amount.value())))
}

/// `1m30s`, as Go writes durations, in whole seconds.
pub fn seconds(text: &str) -> Option<i64> {
    let mut total = 0;
    let mut rest = text;
    if rest == "0" {
        return Some(0);
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| digits + at);
        let unit = match &rest[digits..unit_end] {
            "h" => 3600,
            "m" => 60,
            "s" => 1,
            _ => return None,
        };
        total += number.checked_mul(unit)?;
        rest = &rest[unit_end..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(config: Doc) -> Result<Vec<String>, String> {
        let settings = EvictionSettings::from_config(&config)?;
        let show = |t: &Threshold| format!("{:?} {:?} {} {:?}", t.signal, t.amount, t.grace_s, t.reclaim);
        Ok(settings.thresholds.iter().map(show).collect())
    }

    #[test]
    fn what_is_not_said_is_as_on_eks() {
        let eks = [
            "MemoryAvailable Absolute(104857600) 0 None",
            "NodeFsAvailable Percent(10.0) 0 None",
            "NodeFsInodesFree Percent(5.0) 0 None",
            "AllocatableMemoryAvailable Absolute(104857600) 0 None",
        ];
        assert_eq!(shown(json!(null)).expect("settings"), eks);
        let config = json!({
            "evictionHard": {"memory.available": "1Gi", "nodefs.available": "0%"},
            "evictionSoft": {"pid.available": "20%"}, "evictionSoftGracePeriod": {"pid.available": "1m30s"},
            "evictionMinimumReclaim": {"memory.available": "10Mi"},
        });
        let expected = [
            "MemoryAvailable Absolute(1073741824) 0 Some(Absolute(10485760))",
            "PidAvailable Percent(20.0) 90 None",
            "AllocatableMemoryAvailable Absolute(1073741824) 0 Some(Absolute(10485760))",
        ];
        assert_eq!(shown(config).expect("settings"), expected);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (config, error) in [
            (json!({"evictionHard": {"disk.available": "1Gi"}}), "unsupported eviction signal disk.available"),
            (json!({"evictionHard": {"memory.available": "x"}}), "invalid eviction threshold \"x\""),
            (json!({"evictionHard": {"nodefs.available": "101%"}}), "invalid eviction threshold \"101%\""),
            (
                json!({"evictionSoft": {"memory.available": "1Gi"}, "evictionSoftGracePeriod": {}}),
                "grace period must be specified for the soft eviction threshold memory.available",
            ),
            (json!({"evictionPressureTransitionPeriod": "soon"}), "invalid duration \"soon\""),
        ] {
            assert_eq!(shown(config.clone()), Err(error.to_owned()), "{config}");
        }
    }

    #[test]
    fn durations_are_gos() {
        for (text, expected) in
            [("5m0s", Some(300)), ("1h", Some(3600)), ("90s", Some(90)), ("0", Some(0)), ("", None), ("5", None), ("x", None)]
        {
            assert_eq!(seconds(text), expected, "{text:?}");
        }
    }
}
