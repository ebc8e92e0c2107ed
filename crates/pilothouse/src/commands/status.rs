//! `pilothouse status`: a table for people, JSON for scripts.

use super::{Failure, io};
use crate::cli::{Output, Status};
use cluster::StateDir;
use cluster::control_socket::{self, Ask, ServiceStatus};

pub async fn run(options: &Status) -> Result<(), Failure> {
    let state = StateDir::new(&options.state.state_dir);
    let answer = control_socket::ask(&state.control_socket(), Ask::Status).await.map_err(io("cannot reach the service"))?;
    let status = answer.ok_or_else(|| Failure::NoService(options.state.state_dir.display().to_string()))?;
    match options.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&status).map_err(|e| Failure::Other(e.to_string()))?),
        Output::Table => print!("{}", table(&status)),
    }
    Ok(())
}

fn table(status: &ServiceStatus) -> String {
    let mut out = format!("{}  account {}  region {}  pid {}\n\n", status.endpoint, status.account, status.region, status.pid);
    let clusters = status.clusters.iter().map(|c| [&c.name, &c.version, &c.status, &c.endpoint].map(Clone::clone));
    out.push_str(&columns(["CLUSTER", "VERSION", "STATUS", "ENDPOINT"], clusters));
    if !status.instances.is_empty() {
        let shown = |state: &str, message: &str| match message {
            "" => state.to_owned(),
            message => format!("{state}: {message}"),
        };
        let instances = status
            .instances
            .iter()
            .map(|i| [i.id.clone(), i.instance_type.clone(), i.zone.clone(), i.address.clone(), shown(&i.state, &i.message)]);
        out.push('\n');
        out.push_str(&columns(["INSTANCE", "TYPE", "ZONE", "ADDRESS", "STATE"], instances));
    }
    out
}

/// Every column but the last as wide as its widest cell.
fn columns<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut all = vec![head.map(str::to_owned)];
    all.extend(rows);
    let widths: Vec<usize> = (0..N).map(|column| all.iter().map(|row| row[column].len()).max().unwrap_or(0)).collect();
    let line = |row: &[String; N]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    all.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cluster::control_socket::{ClusterStatus, InstanceStatus};

    #[test]
    fn instances_are_shown_when_there_are_any() {
        let mut status = ServiceStatus {
            endpoint: "https://127.0.0.1:4566".into(),
            account: "1".into(),
            region: "us-east-1".into(),
            pid: 7,
            clusters: vec![ClusterStatus {
                name: "demo".into(),
                version: "1.36".into(),
                status: "ACTIVE".into(),
                endpoint: "e".into(),
            }],
            instances: Vec::new(),
        };
        let clusters = "https://127.0.0.1:4566  account 1  region us-east-1  pid 7\n\n\
            CLUSTER  VERSION  STATUS  ENDPOINT\ndemo     1.36     ACTIVE  e\n";
        assert_eq!(table(&status), clusters);
        status.instances.push(InstanceStatus {
            id: "i-1".into(),
            instance_type: "t3.medium".into(),
            zone: "us-east-1a".into(),
            address: String::new(),
            state: "pending".into(),
            message: "no network".into(),
        });
        let instances =
            "\nINSTANCE  TYPE       ZONE        ADDRESS  STATE\ni-1       t3.medium  us-east-1a           pending: no network\n";
        assert_eq!(table(&status), format!("{clusters}{instances}"));
    }
}
