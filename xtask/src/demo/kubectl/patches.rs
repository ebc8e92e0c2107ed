//! Changing a part of an object in every way that kubectl knows.

use crate::demo::world::World;
use crate::process::Result;

pub fn edits_and_patches(world: &mut World) -> Result<()> {
    let edit = "KUBE_EDITOR=\"sed -i s/blue/green/\" kubectl edit configmap settings -n shop";
    world.ok(edit)?.is("configmap/settings edited")?;
    world.ok("kubectl get configmap settings -n shop -o jsonpath={.data.colour}")?.is("green")?;
    // Strategic: containers merge by name, so a second one joins the first.
    let sidecar = r#"{"spec":{"template":{"spec":{"containers":[{"name":"sidecar","image":"busybox:1.37"}]}}}}"#;
    world.ok(&format!("kubectl patch deployment web -n shop -p '{sidecar}'"))?.is("deployment.apps/web patched")?;
    let containers = "kubectl get deployment web -n shop -o jsonpath='{.spec.template.spec.containers[*].name}'";
    world.ok(containers)?.says(&["nginx", "sidecar"])?;
    let without = r#"{"spec":{"template":{"spec":{"containers":[{"name":"sidecar","$patch":"delete"}]}}}}"#;
    world.ok(&format!("kubectl patch deployment web -n shop -p '{without}'"))?;
    world.ok(containers)?.is("nginx")?;
    // Merge: null removes, the rest overlays.
    let merge = r#"{"data":{"size":null,"shape":"round"}}"#;
    world.ok(&format!("kubectl patch configmap settings -n shop --type=merge -p '{merge}'"))?.is("configmap/settings patched")?;
    world.ok("kubectl get configmap settings -n shop -o jsonpath='{.data}'")?.says(&["round"])?.omits(&["size"])?;
    let json = r#"[{"op":"test","path":"/data/colour","value":"green"},{"op":"replace","path":"/data/colour","value":"red"}]"#;
    world.ok(&format!("kubectl patch configmap settings -n shop --type=json -p '{json}'"))?.is("configmap/settings patched")?;
    // The same test fails now, and with it the whole patch.
    world
        .fails(&format!("kubectl patch configmap settings -n shop --type=json -p '{json}'"))?
        .says(&["The request is invalid"])?;
    world.ok("kubectl get configmap settings -n shop -o jsonpath={.data.colour}")?.is("red")?;
    world.ok("kubectl patch configmap settings -n shop --type=merge -p '{}'")?.is("configmap/settings patched (no change)")?;
    world.ok("kubectl set image deployment/web -n shop nginx=nginx:1.30")?.is("deployment.apps/web image updated")?;
    let immutable = r#"{"spec":{"selector":{"matchLabels":{"app":"other"}}}}"#;
    let refused = world.fails(&format!("kubectl patch deployment web -n shop -p '{immutable}'"))?;
    refused.says(&["The Deployment \"web\" is invalid", "field is immutable"])?;
    Ok(())
}

pub fn apply(world: &mut World) -> Result<()> {
    let manifest =
        |size: &str| format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: applied}}, data: {{size: {size}}}}}");
    for (size, answer) in [("small", "created"), ("small", "unchanged"), ("large", "configured")] {
        let applied = world.shell("kubectl apply -n shop -f -").input(&manifest(size)).run()?.succeeded()?;
        applied.is(&format!("configmap/applied {answer}"))?;
    }
    world.ok("kubectl get configmap applied -n shop -o jsonpath={.data.size}")?.is("large")?;
    Ok(())
}
