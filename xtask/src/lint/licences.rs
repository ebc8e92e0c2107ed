//! What may be linked: known permissive licences only, one library per purpose.

use crate::process::Result;
use crate::workspace::{self, Built};
use std::collections::{BTreeMap, BTreeSet};

/// SPDX identifiers that an Apache-2.0 binary may carry. MPL-2.0 binds file by file, so unmodified crates are fine.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "MPL-2.0+",
    "OpenSSL",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates whose manifest points at a file instead of naming the licence, with what that file is.
const READ: &[(&str, &str)] = &[("rust-criu", "MIT")];

/// Crates that must not come in, with the reason and what stands in their place.
const BANNED: &[(&str, &str)] = &[
    ("openssl", "a C library of the host: rustls with aws-lc-rs"),
    ("openssl-sys", "a C library of the host: rustls with aws-lc-rs"),
    ("native-tls", "a C library of the host: rustls with aws-lc-rs"),
    ("ring", "a second crypto provider: aws-lc-rs"),
    ("rustables", "GPL, and no maps: netlink-packet-netfilter"),
    ("pingora", "weight: hyper"),
    ("simd-json", "a second JSON library: serde_json"),
    ("sonic-rs", "a second JSON library: serde_json"),
    ("json", "a second JSON library: serde_json"),
    ("serde_yaml", "unmaintained: serde_yaml_ng"),
    ("async-std", "a second runtime: tokio"),
];

/// A banned crate that one permitted library brings along: it must stay that library's own.
const ONLY_THROUGH: &[(&str, &[&str], &str)] = &[
    ("reqwest", &["oci-client"], "a second HTTP stack: hyper"),
    ("chrono", &["oci-client", "libcontainer", "procfs", "procfs-core"], "a second time library: jiff"),
];

/// Libraries of which two versions in one binary would be two truths.
const SINGLE: &[&str] = &["serde_json", "tokio", "hyper", "rustls", "aws-lc-rs", "http", "jiff"];

/// Judges everything that is compiled here; `own` are the workspace's crates.
pub fn check(own: &BTreeSet<&str>) -> Result<Vec<String>> {
    let third_party = workspace::everything_built()?.into_iter().filter(|package| !own.contains(package.name.as_str()));
    let third_party = third_party.collect();
    let mut complaints = judge(&third_party);
    for (name, through, instead) in ONLY_THROUGH {
        if third_party.iter().any(|package| package.name == *name) {
            complaints.extend(strays(name, through, instead, &workspace::parents(name)?));
        }
    }
    Ok(complaints)
}

fn strays(name: &str, through: &[&str], instead: &str, parents: &BTreeSet<String>) -> Vec<String> {
    let strays = parents.iter().filter(|parent| !through.contains(&parent.as_str()));
    strays.map(|parent| format!("{parent} -> {name}: only through {}: {instead}", through.join(", "))).collect()
}

fn judge(packages: &BTreeSet<Built>) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Built { name, version, licence } in packages {
        versions.entry(name).or_default().push(version);
        let licence =
            READ.iter().find(|(read, _)| read == name && licence.is_empty()).map_or(licence.as_str(), |(_, found)| found);
        if !permitted(licence) {
            complaints.push(format!("{name} {version}: licence '{licence}' is not on the allow list"));
        }
        if let Some((_, instead)) = BANNED.iter().find(|(banned, _)| banned == name) {
            complaints.push(format!("{name} {version}: banned: {instead}"));
        }
    }
    for name in SINGLE {
        if let Some(several) = versions.get(name).filter(|several| several.len() > 1) {
            complaints.push(format!("{name}: several versions in one build: {}", several.join(", ")));
        }
    }
    complaints
}

/// Whether an SPDX expression offers a way to use the crate under allowed licences alone.
fn permitted(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = tokens.as_slice();
    let verdict = any_of(&mut rest);
    verdict && rest.is_empty()
}

fn any_of(tokens: &mut &[&str]) -> bool {
    let mut verdict = all_of(tokens);
    while tokens.first() == Some(&"OR") {
        *tokens = &tokens[1..];
        verdict |= all_of(tokens);
    }
    verdict
}

fn all_of(tokens: &mut &[&str]) -> bool {
    let mut verdict = one(tokens);
    while tokens.first() == Some(&"AND") {
        *tokens = &tokens[1..];
        verdict &= one(tokens);
    }
    verdict
}

fn one(tokens: &mut &[&str]) -> bool {
    let Some((first, rest)) = tokens.split_first() else { return false };
    *tokens = rest;
    if *first == "(" {
        let verdict = any_of(tokens);
        let closed = tokens.first() == Some(&")");
        *tokens = tokens.get(1..).unwrap_or_default(); // past the end: `closed` is false already
        return verdict && closed;
    }
    if let [with, exception, rest @ ..] = *tokens
        && *with == "WITH"
    {
        *tokens = rest;
        return ALLOWED.contains(&format!("{first} WITH {exception}").as_str());
    }
    ALLOWED.contains(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_of_dependencies_bites() {
        let built = |name: &str, version: &str, licence: &str| Built {
            name: name.into(),
            version: version.into(),
            licence: licence.into(),
        };
        let complaints = judge(
            &[
                built("serde_json", "1.0.0", "MIT"),
                built("serde_json", "2.0.0", "MIT"),
                built("ring", "0.17.0", "ISC"),
                built("secret", "1.0.0", ""),
                built("fine", "1.0.0", "MIT"),
            ]
            .into(),
        );
        let expected = [
            "ring 0.17.0: banned: a second crypto provider: aws-lc-rs",
            "secret 1.0.0: licence '' is not on the allow list",
            "serde_json: several versions in one build: 1.0.0, 2.0.0",
        ];
        assert_eq!(complaints, expected);
        let parents = ["oci-client", "api"].map(str::to_owned).into();
        let expected = ["api -> reqwest: only through oci-client: hyper"];
        assert_eq!(strays("reqwest", &["oci-client"], "hyper", &parents), expected);
    }

    #[test]
    fn expressions_are_judged_by_their_best_offer() {
        for (expression, allowed) in [
            ("MIT", true),
            ("MIT OR Apache-2.0", true),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0-or-later", false),
            ("GPL-2.0 OR MIT", true),
            ("MIT AND GPL-2.0", false),
            ("ISC AND (Apache-2.0 OR ISC) AND OpenSSL", true),
            ("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT", true),
            ("GPL-2.0 WITH Classpath-exception-2.0", false),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("(MIT", false),
            ("", false),
            ("none named", false),
        ] {
            assert_eq!(permitted(expression), allowed, "{expression}");
        }
    }
}
