//! Query parameters of streams (k8s.io/kubelet `pkg/cri/streaming/remotecommand`, `api.PodExecOptions`).

use streams::remote_command::Wanted;

/// What exec and attach are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub wanted: Wanted,
    pub command: Vec<String>,
}

pub(super) fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name.into_owned(), value.into_owned()))
}

impl Asked {
    pub fn parse(query: &str) -> Result<Self, String> {
        let mut asked = Self::default();
        let Asked { wanted, command } = &mut asked;
        for (name, value) in pairs(query) {
            let set = value == "1" || value == "true";
            match name.as_str() {
                "input" => wanted.stdin |= set,
                "output" => wanted.stdout |= set,
                "error" => wanted.stderr |= set,
                "tty" => wanted.tty |= set,
                "command" => command.push(value),
                _ => {}
            }
        }
        if wanted.tty {
            // A terminal has one output.
            wanted.stderr = false;
        }
        if !(wanted.stdin || wanted.stdout || wanted.stderr) {
            return Err("you must specify at least 1 of stdin, stdout, stderr".into());
        }
        Ok(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_say_which_streams() {
        let parsed = |query| Asked::parse(query).map(|asked| (asked.wanted, asked.command.join(" ")));
        let wanted = |stdin, stdout, stderr, tty| Wanted { stdin, stdout, stderr, tty };
        for (query, expected) in [
            (
                "input=1&output=1&error=1&command=sh&command=-c&command=a%20b",
                Ok((wanted(true, true, true, false), "sh -c a b".into())),
            ),
            ("output=1&error=1&tty=1", Ok((wanted(false, true, false, true), String::new()))),
            ("command=ls", Err("you must specify at least 1 of stdin, stdout, stderr".to_owned())),
            ("error=1&tty=1", Err("you must specify at least 1 of stdin, stdout, stderr".to_owned())),
        ] {
            assert_eq!(parsed(query), expected, "{query}");
        }
    }
}
