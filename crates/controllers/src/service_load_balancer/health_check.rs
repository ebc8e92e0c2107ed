//! How targets' health is checked: the annotations over the defaults of aws-load-balancer-controller
//! `pkg/service/model_builder.go` and `model_build_target_group.go`.

use super::annotations::Annotations;
use super::cloud::HealthCheck;
use meta::Doc;

const TRAFFIC_PORT: &str = "traffic-port";
const SUCCESS_CODES: &str = "200-399";

/// Of the targets of a Service. Nodes that pass on only what their own pods take say at a port of their own whether they
/// have any.
pub fn health_check(service: &Doc, of_addresses: bool) -> Result<HealthCheck, String> {
    let annotations = Annotations::of(service);
    let local = !of_addresses && service["spec"]["externalTrafficPolicy"] == "Local";
    let (default_protocol, default_path, default_timeout, default_count) =
        if local { ("HTTP", "/healthz", 6, 2) } else { ("TCP", "/", 10, 3) };
    let protocol = annotations.text("healthcheck-protocol").unwrap_or(default_protocol).to_uppercase();
    if !matches!(protocol.as_str(), "TCP" | "HTTP" | "HTTPS") {
        return Err(format!("unsupported health check protocol {protocol}"));
    }
    let web = protocol != "TCP";
    let text = |suffix: &str, default: &str| annotations.text(suffix).unwrap_or(default).to_owned();
    let number = |suffix: &str, default: u32| annotations.number(suffix).map(|given| given.unwrap_or(default));
    let default_port = match service["spec"]["healthCheckNodePort"].as_u64() {
        Some(port) if local && port > 0 => port.to_string(),
        _ => TRAFFIC_PORT.to_owned(),
    };
    Ok(HealthCheck {
        port: port(service, &text("healthcheck-port", &default_port), of_addresses)?,
        path: web.then(|| text("healthcheck-path", default_path)),
        success_codes: web.then(|| text("healthcheck-success-codes", SUCCESS_CODES)),
        interval_seconds: number("healthcheck-interval", 10)?,
        timeout_seconds: number("healthcheck-timeout", default_timeout)?,
        healthy_threshold: number("healthcheck-healthy-threshold", default_count)?,
        unhealthy_threshold: number("healthcheck-unhealthy-threshold", default_count)?,
        protocol,
    })
}

/// The traffic's own, a number, or a port of the Service by its name.
fn port(service: &Doc, given: &str, of_addresses: bool) -> Result<String, String> {
    if given == TRAFFIC_PORT || given.parse::<u16>().is_ok() {
        return Ok(given.to_owned());
    }
    let mut ports = service["spec"]["ports"].as_array().into_iter().flatten();
    let found = ports.find(|port| port["name"] == given);
    let found = found.ok_or_else(|| format!("failed to resolve healthCheckPort: unable to find port {given} on service"))?;
    let number = if of_addresses { &found["targetPort"] } else { &found["nodePort"] };
    number
        .as_u64()
        .map(|number| number.to_string())
        .ok_or_else(|| "cannot use named healthCheckPort for IP TargetType when service's targetPort is a named port".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn defaults_and_annotations() {
        let shown = |annotations: Doc, spec: Doc, of_addresses: bool| {
            let mut named = serde_json::Map::new();
            for (key, value) in annotations.as_object().into_iter().flatten() {
                named.insert(format!("service.beta.kubernetes.io/aws-load-balancer-healthcheck-{key}"), value.clone());
            }
            let service = json!({"metadata": {"annotations": named}, "spec": spec});
            match health_check(&service, of_addresses) {
                Ok(check) => format!(
                    "{} {} {} {} {}s {}s {}/{}",
                    check.protocol,
                    check.port,
                    check.path.unwrap_or_default(),
                    check.success_codes.unwrap_or_default(),
                    check.interval_seconds,
                    check.timeout_seconds,
                    check.healthy_threshold,
                    check.unhealthy_threshold
                ),
                Err(why) => why,
            }
        };
        let cluster = || json!({"externalTrafficPolicy": "Cluster"});
        let local = || json!({"externalTrafficPolicy": "Local", "healthCheckNodePort": 31000});
        let ports =
            || json!({"ports": [{"name": "web", "nodePort": 30080, "targetPort": 8080}, {"name": "x", "targetPort": "y"}]});
        for (annotations, spec, of_addresses, expected) in [
            (json!({}), cluster(), false, "TCP traffic-port   10s 10s 3/3"),
            (json!({}), local(), false, "HTTP 31000 /healthz 200-399 10s 6s 2/2"),
            (json!({}), local(), true, "TCP traffic-port   10s 10s 3/3"),
            (
                json!({"protocol": "http", "path": "/ok", "interval": "5"}),
                cluster(),
                false,
                "HTTP traffic-port /ok 200-399 5s 10s 3/3",
            ),
            (json!({"port": "web"}), ports(), false, "TCP 30080   10s 10s 3/3"),
            (json!({"port": "web"}), ports(), true, "TCP 8080   10s 10s 3/3"),
            (json!({"port": "8081"}), cluster(), false, "TCP 8081   10s 10s 3/3"),
            (
                json!({"port": "x"}),
                ports(),
                true,
                "cannot use named healthCheckPort for IP TargetType when service's targetPort is a named port",
            ),
            (json!({"port": "z"}), ports(), false, "failed to resolve healthCheckPort: unable to find port z on service"),
            (json!({"protocol": "udp"}), cluster(), false, "unsupported health check protocol UDP"),
        ] {
            assert_eq!(shown(annotations, spec, of_addresses), expected);
        }
    }
}
