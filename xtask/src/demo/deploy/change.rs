//! What happens to an application in its life, seen by somebody who never stops asking for its page.

use super::manifest::application;
use super::{answers, of_pods};
use crate::demo::world::World;
use crate::process::{Failure, Result};
use std::collections::BTreeSet;
use std::process::Child;

/// Somebody who asks for the page again and again, each time over a new connection.
struct Visitor(Child);

const VISITS: &str = "visits";

impl Visitor {
    fn arrives(world: &mut World) -> Result<Self> {
        let line = format!(
            "bash -c 'while [ ! -e leave ]; do curl --silent --show-error --fail --max-time 5 http://$HOSTNAME/ >> {VISITS} 2>&1 || echo FAILED >> {VISITS}; sleep 0.02; done'"
        );
        world.ok(&format!("rm -f leave {VISITS}"))?;
        Ok(Self(world.start(&line)?))
    }

    /// Every answer that was given, in their order. None may have failed.
    fn leaves(mut self, world: &mut World) -> Result<Vec<String>> {
        world.ok("touch leave")?;
        self.0.wait().map_err(|error| Failure::io("the visitor", &error))?;
        let told = world.shell(&format!("cat {VISITS}")).quiet().run()?.succeeded()?.stdout;
        let lines: Vec<String> = told.lines().map(str::to_owned).collect();
        let failed: Vec<&String> = lines.iter().filter(|line| !line.contains(" from page-")).collect();
        if !failed.is_empty() || lines.len() < 10 {
            return Err(Failure(format!("of {} requests these failed: {failed:?}", lines.len())));
        }
        println!("     {} requests, none failed", lines.len());
        Ok(lines)
    }
}

pub fn update(world: &mut World) -> Result<()> {
    let visitor = Visitor::arrives(world)?;
    world.shell("kubectl apply -f -").input(&application("v2", 3)).run()?.succeeded()?.is("deployment.apps/page configured")?;
    world.ok("kubectl rollout status deployment/page -n front --timeout=120s")?.says(&["successfully rolled out"])?;
    let told = visitor.leaves(world)?;
    if !told.first().is_some_and(|first| first.starts_with("v1")) {
        return Err(Failure(format!("the first answer should be of the old version: {told:?}")));
    }
    let last = answers(world, 10)?;
    if !last.iter().all(|answer| answer.starts_with("v2")) {
        return Err(Failure(format!("only the new version should answer: {last:?}")));
    }
    world.ok("kubectl rollout history deployment/page -n front")?.says(&["REVISION", "1", "2"])?;
    Ok(())
}

pub fn undo(world: &mut World) -> Result<()> {
    world.ok("kubectl rollout undo deployment/page -n front")?.is("deployment.apps/page rolled back")?;
    world.ok("kubectl rollout status deployment/page -n front --timeout=120s")?.says(&["successfully rolled out"])?;
    let told = answers(world, 10)?;
    if !told.iter().all(|answer| answer.starts_with("v1")) {
        return Err(Failure(format!("the old version should be back: {told:?}")));
    }
    Ok(())
}

pub fn scale(world: &mut World) -> Result<()> {
    world.ok("kubectl scale deployment/page -n front --replicas=6")?;
    world.ok("kubectl wait -n front deployment/page --for=jsonpath='{.status.readyReplicas}'=6 --timeout=60s")?;
    world.ok("kubectl get deployment page -n front")?.row(&["page", "6/6"])?;
    Ok(())
}

/// One node is emptied while the application is updated. A budget holds over both, and nobody's request fails.
pub fn drain(world: &mut World) -> Result<()> {
    let nodes: BTreeSet<String> = of_pods(world, ".spec.nodeName")?.into_iter().collect();
    let drained = nodes.last().ok_or("no pod runs anywhere")?.clone();
    world.ok("kubectl create poddisruptionbudget page -n front --selector=app=page --min-available=5")?;
    world.ok("kubectl wait -n front pdb/page --for=jsonpath='{.status.disruptionsAllowed}'=1 --timeout=30s")?;
    let visitor = Visitor::arrives(world)?;
    world.shell("kubectl apply -f -").input(&application("v3", 6)).run()?.succeeded()?;
    let told = world.ok(&format!("kubectl drain {drained} --pod-selector=app=page --timeout=180s"))?;
    told.says(&["evicting pod front/page-", &format!("node/{drained} drained")])?;
    world.ok("kubectl rollout status deployment/page -n front --timeout=120s")?.says(&["successfully rolled out"])?;
    visitor.leaves(world)?;
    if of_pods(world, ".spec.nodeName")?.contains(&drained) {
        return Err(Failure(format!("{drained} should be empty")));
    }
    let told = answers(world, 10)?;
    if !told.iter().all(|answer| answer.starts_with("v3")) {
        return Err(Failure(format!("only the newest version should answer: {told:?}")));
    }
    world.ok(&format!("kubectl uncordon {drained}"))?.says(&["uncordoned"])?;
    world.ok("kubectl delete pdb page -n front").map(drop)
}

/// The instance of one node is terminated, pods and all. Its pods come back on the others.
pub fn lose_node(world: &mut World) -> Result<()> {
    let nodes: BTreeSet<String> = of_pods(world, ".spec.nodeName")?.into_iter().collect();
    let lost = nodes.first().ok_or("no pod runs anywhere")?.clone();
    let id = world.ok(&format!("kubectl get node {lost} -o jsonpath='{{.spec.providerID}}'"))?.stdout;
    let id = id.trim().rsplit('/').next().unwrap_or_default().to_owned(); // checked by EC2
    world.ok(&format!("aws ec2 terminate-instances --instance-ids {id}"))?.says(&["shutting-down"])?;
    world.ok(&format!("kubectl wait --for=delete node/{lost} --timeout=90s"))?;
    // Kubernetes waits 40 s before it believes that a pod's node is gone for good.
    world.ok(&format!(
        "kubectl wait -n front --for=delete pod -l app=page --field-selector spec.nodeName={lost} --timeout=120s"
    ))?;
    world.ok("kubectl wait -n front deployment/page --for=jsonpath='{.status.readyReplicas}'=6 --timeout=90s")?;
    world.ok("kubectl rollout status deployment/page -n front --timeout=90s")?;
    if of_pods(world, ".spec.nodeName")?.contains(&lost) {
        return Err(Failure(format!("pods are still said to run on {lost}")));
    }
    world.ok("aws elbv2 wait target-in-service --target-group-arn $TARGETS")?;
    answers(world, 20).map(drop)
}

pub fn delete(world: &mut World) -> Result<()> {
    if world.fact("HOSTNAME").is_err() {
        return Ok(()); // stopped early, by --until
    }
    world.ok("kubectl delete service page -n front --timeout=60s")?;
    world.ok("aws elbv2 describe-load-balancers --query 'length(LoadBalancers)'")?.is("0")?;
    world.fails("curl --silent --max-time 3 http://$HOSTNAME/")?;
    world.ok("kubectl delete namespace front --timeout=90s")?;
    world.ok("kubectl get pods --all-namespaces -l app=page")?.omits(&["page-"])?;
    Ok(())
}
