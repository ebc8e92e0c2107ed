//! Annotations of a Service, with the prefix and the value forms of aws-load-balancer-controller
//! `pkg/annotations/{constants,parser}.go`.

use meta::Doc;
use std::collections::BTreeMap;

const PREFIX: &str = "service.beta.kubernetes.io/aws-load-balancer-";

#[derive(Clone, Copy)]
pub struct Annotations<'a>(&'a Doc);

impl<'a> Annotations<'a> {
    pub fn of(service: &'a Doc) -> Self {
        Self(&service["metadata"]["annotations"])
    }

    pub fn text(self, suffix: &str) -> Option<&'a str> {
        self.0[format!("{PREFIX}{suffix}")].as_str()
    }

    /// `s1,s2,s3`
    pub fn list(self, suffix: &str) -> Vec<String> {
        let parts = self.text(suffix).unwrap_or_default().split(',').map(str::trim);
        parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// `k1=v1,k2=v2`
    pub fn map(self, suffix: &str) -> Result<BTreeMap<String, String>, String> {
        let pair = |part: String| match part.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
            _ => Err(format!("failed to parse stringMap annotation, {PREFIX}{suffix}: {part}")),
        };
        self.list(suffix).into_iter().map(pair).collect()
    }

    pub fn flag(self, suffix: &str) -> Result<Option<bool>, String> {
        let value = self.text(suffix);
        let parsed = value.map(|value| match value {
            "true" | "True" | "TRUE" | "t" | "T" | "1" => Ok(true),
            "false" | "False" | "FALSE" | "f" | "F" | "0" => Ok(false),
            other => Err(format!("failed to parse bool annotation, {PREFIX}{suffix}: {other}")),
        });
        parsed.transpose()
    }

    pub fn number(self, suffix: &str) -> Result<Option<u32>, String> {
        let parse = |value: &str| {
            value.trim().parse().map_err(|_| format!("failed to parse int32 annotation, {PREFIX}{suffix}: {value}"))
        };
        self.text(suffix).map(parse).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_have_their_forms() {
        let service = json!({"metadata": {"annotations": {
            format!("{PREFIX}a"): "x, y,,z", format!("{PREFIX}b"): "k=v, l=w=u", format!("{PREFIX}c"): "true",
            format!("{PREFIX}d"): "12", format!("{PREFIX}e"): "?",
        }}});
        let annotations = Annotations::of(&service);
        assert_eq!(annotations.list("a"), ["x", "y", "z"]);
        let map = annotations.map("b").expect("pairs");
        assert_eq!(map.iter().map(|(k, v)| format!("{k}:{v}")).collect::<Vec<_>>(), ["k:v", "l:w=u"]);
        assert_eq!((annotations.flag("c"), annotations.flag("none")), (Ok(Some(true)), Ok(None)));
        assert_eq!((annotations.number("d"), annotations.number("none")), (Ok(Some(12)), Ok(None)));
        assert!(annotations.flag("e").is_err() && annotations.number("e").is_err() && annotations.map("e").is_err());
    }
}
