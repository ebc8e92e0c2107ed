//! The application: a page that says which pod and which version served it.

use crate::demo::image;

pub fn application(version: &str, replicas: usize) -> String {
    format!(
        r#"
apiVersion: apps/v1
kind: Deployment
metadata: {{name: page, namespace: front, labels: {{app: page}}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: page}}}}
  template:
    metadata: {{labels: {{app: page}}}}
    spec:
      terminationGracePeriodSeconds: 10
      containers:
      - name: page
        image: {image}
        imagePullPolicy: IfNotPresent
        command: [sh, -c, 'mkdir /tmp/www && echo "$VERSION from $POD" > /tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www']
        env:
        - {{name: VERSION, value: {version}}}
        - {{name: POD, valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}}}
        ports: [{{name: http, containerPort: 8080}}]
        readinessProbe: {{httpGet: {{path: /, port: http}}, periodSeconds: 1}}
        lifecycle: {{preStop: {{exec: {{command: [sleep, "2"]}}}}}}
        resources: {{requests: {{cpu: 50m, memory: 16Mi}}}}
"#,
        image = image::NAME
    )
}

pub const SERVICE: &str = r#"
---
apiVersion: v1
kind: Service
metadata:
  name: page
  namespace: front
  annotations:
    service.beta.kubernetes.io/aws-load-balancer-type: nlb
    service.beta.kubernetes.io/aws-load-balancer-scheme: internet-facing
    service.beta.kubernetes.io/aws-load-balancer-cross-zone-load-balancing-enabled: "true"
spec:
  type: LoadBalancer
  selector: {app: page}
  ports: [{name: http, port: 80, targetPort: http}]
"#;
