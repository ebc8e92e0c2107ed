//! Plain objects: create, read in every form, conflict, delete.

use crate::demo::world::World;
use crate::process::Result;

pub fn namespaces(world: &mut World) -> Result<()> {
    world.ok("kubectl create namespace shop")?.is("namespace/shop created")?;
    world
        .fails("kubectl create namespace shop")?
        .says(&["Error from server (AlreadyExists): namespaces \"shop\" already exists"])?;
    world.ok("kubectl get namespace shop")?.row(&["shop", "Active"])?;
    world.ok("kubectl describe namespace shop")?.says(&["Name:", "shop", "kubernetes.io/metadata.name=shop", "Active"])?;
    // Published into every namespace by controllers of their own.
    world.ok("kubectl wait --for=create serviceaccount/default configmap/kube-root-ca.crt -n shop --timeout=30s")?;
    Ok(())
}

pub fn config(world: &mut World) -> Result<()> {
    world
        .ok("kubectl create configmap settings -n shop --from-literal=colour=blue --from-literal=size=small")?
        .is("configmap/settings created")?;
    world.ok("kubectl get configmap settings -n shop")?.row(&["settings", "2"])?;
    world.ok("kubectl describe configmap settings -n shop")?.says(&["Name:", "colour:", "blue"])?;
    world.ok("kubectl create secret generic password -n shop --from-literal=value=s3cret")?.is("secret/password created")?;
    world.ok("kubectl get secret password -n shop")?.row(&["password", "Opaque", "1"])?;
    world.ok("kubectl get secret password -n shop -o jsonpath='{.data.value}' | base64 --decode")?.is("s3cret")?;
    world.ok("kubectl describe secret password -n shop")?.says(&["value:", "6 bytes"])?.omits(&["s3cret"])?;
    let ghost = "kubectl create configmap ghost -n shop --from-literal=a=b --dry-run=server";
    world.ok(ghost)?.is("configmap/ghost created (server dry run)")?;
    world
        .fails("kubectl get configmap ghost -n shop")?
        .says(&["Error from server (NotFound): configmaps \"ghost\" not found"])?;
    Ok(())
}

pub fn outputs(world: &mut World) -> Result<()> {
    world.ok("kubectl label configmap settings -n shop tier=front")?.is("configmap/settings labeled")?;
    world.ok("kubectl annotate configmap settings -n shop note='for the demo'")?.is("configmap/settings annotated")?;
    let json = world.ok("kubectl get configmap settings -n shop -o json")?;
    for (pointer, expected) in [
        ("/kind", "ConfigMap"),
        ("/data/colour", "blue"),
        ("/metadata/labels/tier", "front"),
        ("/metadata/annotations/note", "for the demo"),
    ] {
        if json.text_at(pointer)? != expected {
            return Err(json.wrong(&format!("{pointer} should be {expected}")));
        }
    }
    world.ok("kubectl get configmap settings -n shop -o yaml")?.says(&["apiVersion: v1", "  colour: blue", "    tier: front"])?;
    world.ok("kubectl get configmaps -n shop -o wide --show-labels")?.says(&["tier=front"])?;
    world.ok("kubectl get configmaps -n shop -l tier=front -o name")?.is("configmap/settings")?;
    world.ok("kubectl get configmaps -n shop -l 'tier notin (front),!tier' -o name")?.omits(&["settings"])?;
    world.ok("kubectl get configmaps -n shop --field-selector metadata.name=settings -o name")?.is("configmap/settings")?;
    world.ok("kubectl get configmaps -A --chunk-size=2 -o name")?.says(&["configmap/settings"])?;
    world.ok("kubectl get namespaces --sort-by=.metadata.name -o custom-columns=NAME:.metadata.name")?.says(&["shop"])?;
    world.ok("kubectl label configmap settings -n shop tier-")?.is("configmap/settings unlabeled")?;
    world.ok("kubectl get configmaps -n shop -l tier=front -o name")?.is("")?;
    Ok(())
}

pub fn conflicts(world: &mut World) -> Result<()> {
    let stale = world.ok("kubectl get configmap settings -n shop -o json")?.stdout;
    world.ok("kubectl annotate configmap settings -n shop note-")?;
    let refused = world.shell("kubectl replace -f -").input(&stale).run()?.refused()?;
    refused.says(&[
        "Error from server (Conflict)",
        "the object has been modified; please apply your changes to the latest version",
    ])?;
    let fresh = world.ok("kubectl get configmap settings -n shop -o json")?.stdout.replace("small", "medium");
    world.shell("kubectl replace -f -").input(&fresh).run()?.succeeded()?.is("configmap/settings replaced")?;
    world.ok("kubectl get configmap settings -n shop -o jsonpath={.data.size}")?.is("medium")?;
    Ok(())
}

pub fn deletion(world: &mut World) -> Result<()> {
    world.ok("kubectl create configmap owner -n shop")?;
    let uid = world.ok("kubectl get configmap owner -n shop -o jsonpath={.metadata.uid}")?.stdout;
    let child = format!(
        "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: child, ownerReferences: [{{apiVersion: v1, kind: ConfigMap, name: owner, uid: {uid}}}]}}}}"
    );
    world.shell("kubectl create -n shop -f -").input(&child).run()?.succeeded()?;
    world.ok("kubectl delete configmap owner -n shop")?.says(&["configmap \"owner\" deleted"])?;
    world.ok("kubectl wait --for=delete configmap/child -n shop --timeout=30s")?;
    for name in ["one", "two"] {
        world.ok(&format!("kubectl create configmap {name} -n shop"))?;
        world.ok(&format!("kubectl label configmap {name} -n shop batch=yes"))?;
    }
    world.ok("kubectl delete --raw '/api/v1/namespaces/shop/configmaps?labelSelector=batch%3Dyes'")?;
    world.ok("kubectl get configmaps -n shop -o name")?.omits(&["one", "two"])?.says(&["configmap/settings"])?;
    world.ok("kubectl create namespace scratch")?;
    world.ok("kubectl create deployment left -n scratch --image=nginx:1.29")?;
    world.ok("kubectl delete namespace scratch --timeout=60s")?.says(&["namespace \"scratch\" deleted"])?;
    world.fails("kubectl get namespace scratch")?.says(&["(NotFound)"])?;
    world.ok("kubectl get deployments -A -o name")?.omits(&["left"])?;
    Ok(())
}
