//! An access entry as the index keeps it.

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EntryType {
    #[default]
    Standard,
    Ec2Linux,
    Ec2Windows,
    Ec2,
    FargateLinux,
    HybridLinux,
    HyperpodLinux,
}

impl EntryType {
    pub const ALL: [Self; 7] =
        [Self::Standard, Self::Ec2Linux, Self::Ec2Windows, Self::Ec2, Self::FargateLinux, Self::HybridLinux, Self::HyperpodLinux];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::Ec2Linux => "EC2_LINUX",
            Self::Ec2Windows => "EC2_WINDOWS",
            Self::Ec2 => "EC2",
            Self::FargateLinux => "FARGATE_LINUX",
            Self::HybridLinux => "HYBRID_LINUX",
            Self::HyperpodLinux => "HYPERPOD_LINUX",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.as_str() == text)
    }

    /// Groups every identity of the type is in, beside those of its entry.
    pub fn groups(self) -> &'static [&'static str] {
        match self {
            Self::Standard => &[],
            Self::Ec2Windows => &["eks:kube-proxy-windows", "system:bootstrappers", "system:nodes"],
            Self::FargateLinux => &["system:bootstrappers", "system:nodes", "system:node-proxier"],
            Self::Ec2Linux | Self::Ec2 | Self::HybridLinux | Self::HyperpodLinux => &["system:bootstrappers", "system:nodes"],
        }
    }
}

/// Where an access policy holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AccessScope {
    #[default]
    Cluster,
    /// Names, or prefixes that end in `*`.
    Namespaces(Vec<String>),
}

impl AccessScope {
    /// An empty namespace means the cluster as a whole.
    pub fn covers(&self, namespace: &str) -> bool {
        match self {
            Self::Cluster => true,
            Self::Namespaces(_) if namespace.is_empty() => false,
            Self::Namespaces(patterns) => patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => namespace.starts_with(prefix),
                None => namespace == pattern,
            }),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Association {
    pub policy_arn: String,
    pub scope: AccessScope,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessEntry {
    pub principal_arn: String,
    pub kind: EntryType,
    /// With templates such as `{{SessionName}}`; see [`super::default_username`].
    pub username: String,
    pub groups: Vec<String>,
    pub policies: Vec<Association>,
}
