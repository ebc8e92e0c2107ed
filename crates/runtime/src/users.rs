//! Whom an image means by a user's name: its own /etc/passwd and /etc/group say.

use crate::cri::{Error, Result, SecurityContext};
use std::collections::BTreeSet;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
    pub home: String,
}

/// By the texts of the image's /etc/passwd and /etc/group. `image_user` as an image names it: `user`, `uid`, `user:group`,
/// and so on; the security context wins.
pub fn resolve(passwd: &str, group: &str, image_user: &str, security: &SecurityContext) -> Result<Identity> {
    let (user, named_group) = match security.run_as_user {
        Some(uid) => (uid.to_string(), None),
        None => match image_user.split_once(':') {
            Some((user, group)) => (user.to_owned(), Some(group.to_owned())),
            None => (image_user.to_owned(), None),
        },
    };
    let user = if user.is_empty() { "0".to_owned() } else { user };
    let entry =
        passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|f| f.len() >= 6 && is_named(&user, f[0], f[2]));
    let number = |text: &str| text.parse::<u32>().ok();
    let uid = entry.as_ref().and_then(|fields| number(fields[2])).or_else(|| number(&user));
    let uid = uid.ok_or_else(|| Error::Create(format!("unable to find user {user}: no matching entries in passwd file")))?;
    let own_gid = entry.as_ref().and_then(|fields| number(fields[3])).unwrap_or(0); // as runc: root's group
    let gid = match (security.run_as_group, named_group.filter(|name| !name.is_empty())) {
        (Some(gid), _) => u32::try_from(gid).map_err(|_| Error::Create(format!("group {gid} is out of range")))?,
        (None, Some(name)) => find_group(group, &name)
            .ok_or_else(|| Error::Create(format!("unable to find group {name}: no matching entries in group file")))?,
        (None, None) => own_gid,
    };
    let mut groups: BTreeSet<u32> = security.supplemental_groups.iter().filter_map(|gid| u32::try_from(*gid).ok()).collect();
    if let Some(fields) = &entry {
        groups.extend(memberships(group, fields[0]));
    }
    let home = entry.map_or_else(|| "/".to_owned(), |fields| fields[5].to_owned());
    Ok(Identity { uid, gid, groups: groups.into_iter().collect(), home })
}

fn is_named(asked: &str, name: &str, id: &str) -> bool {
    asked == name || asked == id
}

fn find_group(group: &str, name: &str) -> Option<u32> {
    let lines = group.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let found = lines.filter(|fields| fields.len() >= 3).find(|fields| is_named(name, fields[0], fields[2]));
    found.and_then(|fields| fields[2].parse().ok()).or_else(|| name.parse().ok())
}

/// Groups that list the user as a member.
fn memberships(group: &str, user: &str) -> Vec<u32> {
    let lines = group.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let member = |fields: &Vec<&str>| fields.get(3).is_some_and(|members| members.split(',').any(|member| member == user));
    lines.filter(member).filter_map(|fields| fields[2].parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34:web:/srv:/bin/false\n";
    const GROUP: &str = "root:x:0:\nweb:x:34:\nlog:x:40:root,web\n";

    #[test]
    fn users_are_found_as_a_runtime_finds_them() {
        let identity = |uid, gid, groups: &[u32], home: &str| Identity { uid, gid, groups: groups.to_vec(), home: home.into() };
        let plain = SecurityContext::default();
        for (user, security, expected) in [
            ("", plain.clone(), identity(0, 0, &[40], "/root")),
            ("web", plain.clone(), identity(33, 34, &[40], "/srv")),
            ("33", plain.clone(), identity(33, 34, &[40], "/srv")),
            ("web:log", plain.clone(), identity(33, 40, &[40], "/srv")),
            ("1000", plain.clone(), identity(1000, 0, &[], "/")),
            ("1000:5", plain.clone(), identity(1000, 5, &[], "/")),
            ("web", SecurityContext { run_as_user: Some(7), ..plain.clone() }, identity(7, 0, &[], "/")),
            (
                "",
                SecurityContext {
                    run_as_user: Some(33),
                    run_as_group: Some(9),
                    supplemental_groups: vec![2, 1],
                    ..plain.clone()
                },
                identity(33, 9, &[1, 2, 40], "/srv"),
            ),
        ] {
            assert_eq!(resolve(PASSWD, GROUP, user, &security).expect(user), expected, "{user:?}");
        }
        let error = resolve(PASSWD, GROUP, "nobody", &plain).expect_err("unknown");
        assert_eq!(error.to_string(), "unable to find user nobody: no matching entries in passwd file");
        let error = resolve(PASSWD, GROUP, "web:none", &plain).expect_err("unknown");
        assert_eq!(error.to_string(), "unable to find group none: no matching entries in group file");
    }
}
