package main

const (
	// program is where this program is in the function's image.
	program = "/var/task/bootstrap"

	functionLabel = "lambkin.dev/function=" + functionName
	killerLabel   = "app.kubernetes.io/name=faults-killer"
)

// namespaceManifest is a namespace that killers may be in.
const namespaceManifest = `
apiVersion: v1
kind: Namespace
metadata: {name: %q, labels: {pod-security.kubernetes.io/enforce: privileged}}
`

// callerManifest is somebody who may invoke the functions of a namespace, and do nothing else.
const callerManifest = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: caller, namespace: %[1]q}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: caller, namespace: %[1]q}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: lambkin-invoke}
subjects: [{kind: ServiceAccount, name: caller, namespace: %[1]q}]
`

// collectorManifest is the collector.
const collectorManifest = `
apiVersion: v1
kind: Pod
metadata: {name: collector, namespace: %[1]q, labels: {app.kubernetes.io/name: faults-collector}}
spec:
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, fsGroup: 65532, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: collector
      image: %[2]q
      command: [` + program + `, collect, ":8080", /journal/events]
      ports: [{name: http, containerPort: 8080}]
      readinessProbe: {tcpSocket: {port: http}, periodSeconds: 1}
      resources: {requests: {cpu: 10m, memory: 32Mi}, limits: {memory: 256Mi}}
      securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
      volumeMounts: [{name: journal, mountPath: /journal}]
  volumes: [{name: journal, emptyDir: {}}]
---
apiVersion: v1
kind: Service
metadata: {name: collector, namespace: %[1]q}
spec:
  selector: {app.kubernetes.io/name: faults-collector}
  ports: [{name: http, port: 80, targetPort: http}]
`

// killerManifest are the killers, one on each node: they see its processes, and may kill what is not theirs. They wait to be told by
// `kubectl exec`, and nobody else can tell them anything.
const killerManifest = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: killer, namespace: %[1]q}
spec:
  selector: {matchLabels: {app.kubernetes.io/name: faults-killer}}
  template:
    metadata: {labels: {app.kubernetes.io/name: faults-killer}}
    spec:
      automountServiceAccountToken: false
      hostPID: true
      terminationGracePeriodSeconds: 1
      tolerations: [{operator: Exists}]
      containers:
        - name: killer
          image: %[2]q
          command: [` + program + `, wait]
          resources: {requests: {cpu: 10m, memory: 32Mi}, limits: {memory: 256Mi}}
          securityContext:
            runAsUser: 0
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL], add: [KILL]}
`
