//! Taints of nodes and what tolerates them (k8s.io/component-helpers scheduling/corev1).

use super::document::{TaintDoc, TolerationDoc};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    NoSchedule,
    PreferNoSchedule,
    NoExecute,
}

impl Effect {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "NoSchedule" => Some(Self::NoSchedule),
            "PreferNoSchedule" => Some(Self::PreferNoSchedule),
            "NoExecute" => Some(Self::NoExecute),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taint {
    pub key: String,
    pub value: String,
    pub effect: Effect,
}

impl Taint {
    pub fn of(doc: TaintDoc) -> Option<Self> {
        Some(Self { effect: Effect::parse(&doc.effect)?, key: doc.key, value: doc.value })
    }

    /// Keeps pods away that do not tolerate it.
    pub fn repels(&self) -> bool {
        self.effect != Effect::PreferNoSchedule
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toleration {
    key: String,
    value: String,
    exists: bool,
    /// None: all.
    effect: Option<Effect>,
}

impl Toleration {
    pub fn of(doc: TolerationDoc) -> Option<Self> {
        let effect = if doc.effect.is_empty() { None } else { Some(Effect::parse(&doc.effect)?) };
        Some(Self { key: doc.key, value: doc.value, exists: doc.operator == "Exists", effect })
    }

    pub fn tolerates(&self, taint: &Taint) -> bool {
        self.effect.is_none_or(|effect| effect == taint.effect)
            && (self.key.is_empty() || self.key == taint.key)
            && (self.exists || self.value == taint.value)
    }

    /// Whether it speaks about the preference to stay away.
    pub fn covers(&self, effect: Effect) -> bool {
        self.effect.is_none_or(|mine| mine == effect)
    }
}

pub fn tolerated(taint: &Taint, tolerations: &[Toleration]) -> bool {
    tolerations.iter().any(|toleration| toleration.tolerates(taint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tolerations_cover_taints() {
        let taint: TaintDoc = serde_json::from_str(r#"{"key":"k","value":"v","effect":"NoSchedule"}"#).expect("a taint");
        let taint = Taint::of(taint).expect("a known effect");
        for (text, covers) in [
            (r#"{"operator":"Exists"}"#, true),
            (r#"{"key":"k","operator":"Exists"}"#, true),
            (r#"{"key":"k","operator":"Exists","effect":"NoExecute"}"#, false),
            (r#"{"key":"k","value":"v"}"#, true),
            (r#"{"key":"k","operator":"Equal","value":"v","effect":"NoSchedule"}"#, true),
            (r#"{"key":"k","operator":"Equal","value":"w"}"#, false),
            (r#"{"key":"other","operator":"Exists"}"#, false),
        ] {
            let doc: TolerationDoc = serde_json::from_str(text).expect("a toleration");
            let tolerations: Vec<Toleration> = Toleration::of(doc).into_iter().collect();
            assert_eq!(tolerated(&taint, &tolerations), covers, "{text}");
        }
    }
}
