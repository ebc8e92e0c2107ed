//! Who may do what: RBAC, service-account tokens, access entries for IAM roles.

use crate::demo::world::World;
use crate::process::Result;

pub fn service_account(world: &mut World) -> Result<()> {
    world.ok("kubectl auth can-i create deployments -n shop")?.is("yes")?;
    world.ok("kubectl auth whoami")?.says(&["Username", "arn:aws:iam::"])?;
    world
        .ok("kubectl create role reader -n shop --verb=get,list,watch --resource=configmaps")?
        .is("role.rbac.authorization.k8s.io/reader created")?;
    world
        .ok("kubectl create rolebinding reader -n shop --role=reader --serviceaccount=shop:robot")?
        .is("rolebinding.rbac.authorization.k8s.io/reader created")?;
    world.ok("kubectl describe role reader -n shop")?.says(&["configmaps", "[get list watch]"])?;
    let token = world.shell("kubectl create token robot -n shop").quiet().run()?.succeeded()?;
    world.export("ROBOT", token.stdout.trim());
    world.ok("kubectl config set-credentials robot --token=$ROBOT")?;
    world.ok("kubectl config set-context robot --cluster=$CLUSTER_ARN --user=robot --namespace=shop")?;
    world
        .ok("kubectl --context=robot auth whoami")?
        .says(&["system:serviceaccount:shop:robot", "system:serviceaccounts:shop"])?;
    world.ok("kubectl --context=robot get configmap settings")?.row(&["settings"])?;
    world.ok("kubectl --context=robot auth can-i list configmaps")?.is("yes")?;
    world.fails("kubectl --context=robot auth can-i delete secrets")?.is("no")?;
    world.fails("kubectl --context=robot get secrets")?.says(&[
        "Error from server (Forbidden): secrets is forbidden: User \"system:serviceaccount:shop:robot\" cannot list resource \"secrets\" \
         in API group \"\" in the namespace \"shop\"",
    ])?;
    // A bound token dies with its account.
    world.ok("kubectl delete serviceaccount robot -n shop")?;
    world.fails("kubectl --context=robot get configmap settings")?.says(&["must be logged in to the server"])?;
    Ok(())
}

pub fn viewer(world: &mut World) -> Result<()> {
    let line = "aws sts assume-role --role-arn $VIEWER_ROLE --role-session-name viewer";
    let role = world.shell(line).quiet().run()?.succeeded()?;
    let credentials = [
        ("AWS_ACCESS_KEY_ID", role.text_at("/Credentials/AccessKeyId")?),
        ("AWS_SECRET_ACCESS_KEY", role.text_at("/Credentials/SecretAccessKey")?),
        ("AWS_SESSION_TOKEN", role.text_at("/Credentials/SessionToken")?),
    ];
    let user = role.text_at("/AssumedRoleUser/Arn")?;
    world.ok("aws eks list-access-entries --cluster-name demo")?.omits(&[world.fact("VIEWER_ROLE")?.to_owned().as_str()])?;
    as_viewer(world, &credentials, "kubectl get configmaps -n shop")?.refused()?.says(&["must be logged in to the server"])?;
    world.ok("aws eks create-access-entry --cluster-name demo --principal-arn $VIEWER_ROLE")?.says(&["STANDARD"])?;
    as_viewer(world, &credentials, "kubectl get configmaps -n shop")?.refused()?.says(&["(Forbidden)"])?;
    let policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy";
    world.ok(&format!(
        "aws eks associate-access-policy --cluster-name demo --principal-arn $VIEWER_ROLE --policy-arn {policy} --access-scope type=cluster"
    ))?;
    as_viewer(world, &credentials, "kubectl auth whoami")?.succeeded()?.says(&[&user])?;
    as_viewer(world, &credentials, "kubectl get configmaps,deployments -n shop")?
        .succeeded()?
        .says(&["configmap/settings", "deployment.apps/web"])?;
    as_viewer(world, &credentials, "kubectl create secret generic stolen -n shop --from-literal=a=b")?.refused()?.says(&[
        &format!(
            "secrets is forbidden: User \"{user}\" cannot create resource \"secrets\" in API group \"\" in the namespace \"shop\""
        ),
    ])?;
    as_viewer(world, &credentials, "kubectl get secrets -n shop")?.refused()?.says(&["(Forbidden)"])?;
    world.ok("aws eks delete-access-entry --cluster-name demo --principal-arn $VIEWER_ROLE")?;
    as_viewer(world, &credentials, "kubectl get configmaps -n shop")?.refused()?.says(&["must be logged in to the server"])?;
    Ok(())
}

fn as_viewer(world: &mut World, credentials: &[(&str, String)], line: &str) -> Result<crate::demo::outcome::Outcome> {
    println!("     (as the assumed role)");
    credentials.iter().fold(world.shell(line), |shell, (name, value)| shell.export(name, value)).run()
}
