package resources

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// knativeVariables are set by Knative, which refuses Services that set them.
func knativeVariables() []string {
	return []string{"K_CONFIGURATION", "K_REVISION", "K_SERVICE", "PORT"}
}

// literal is text that Kubernetes leaves as it is: it would replace $(NAME) by the variable's value.
func literal(text string) string { return strings.ReplaceAll(text, "$", "$$") }

func literals(texts []string) []string {
	out := make([]string, 0, len(texts))
	for _, text := range texts {
		out = append(out, literal(text))
	}
	return out
}

// lambdaEnv is the environment of runtime-api, which hands the function's own variables on. Where it takes a setting from
// one of several variables the first is set, so that a function's variable of an older name is the function's alone.
func (w *Workload) lambdaEnv() []corev1.EnvVar {
	s := w.Spec
	settings := map[string]string{
		"AWS_LAMBDA_FUNCTION_NAME":        s.FunctionName,
		"AWS_LAMBDA_FUNCTION_VERSION":     w.Version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(int(s.MemorySize)),
		"AWS_LAMBDA_LOG_FORMAT":           string(s.Logging.Format),
		"AWS_LAMBDA_LOG_GROUP_NAME":       s.Logging.LogGroup,
		"AWS_LAMBDA_LOG_LEVEL":            s.Logging.ApplicationLogLevel,
		"AWS_REGION":                      w.Platform.Identity.Region,
		"AWS_DEFAULT_REGION":              w.Platform.Identity.Region,
		"LAMBKIN_ACCOUNT":                 w.Platform.Identity.Account,
		"LAMBKIN_ENVIRONMENTS":            strconv.FormatInt(w.environments(), 10),
		"LAMBKIN_EVENT_FORMAT":            string(s.HTTP.EventFormat),
		"LAMBKIN_FAIL_ON_INIT":            "true",
		"LAMBKIN_GRACE":                   strconv.Itoa(int(s.Timeout)),
		"LAMBKIN_INVOKE_MODE":             string(s.HTTP.InvokeMode),
		"LAMBKIN_METRICS_ADDR":            ":" + strconv.Itoa(metricsPort),
		"LAMBKIN_RUNTIME":                 s.Runtime,
		"LAMBKIN_SYSTEM_LOG_LEVEL":        s.Logging.SystemLogLevel,
		"LAMBKIN_TIMEOUT":                 strconv.Itoa(int(s.Timeout)),
		"_HANDLER":                        s.Handler,
	}
	if per := s.Concurrency.PerEnvironment; per > 1 {
		settings["AWS_LAMBDA_MAX_CONCURRENCY"] = strconv.Itoa(int(per)) // runtime clients go by its mere presence
	}
	if w.environments() > 1 {
		settings["LAMBKIN_TMP_DIR"] = tmpPath
	}
	if w.Provisioned > 0 {
		settings["AWS_LAMBDA_INITIALIZATION_TYPE"] = "provisioned-concurrency" // in pods beyond those too: they are of one kind
	}
	if s.IsolatesTenants() {
		settings["LAMBKIN_TENANT_ISOLATION"] = "true"
	}
	if w.stopped() {
		settings["LAMBKIN_THROTTLE"] = "true"
	}
	maps.DeleteFunc(settings, func(_, value string) bool { return value == "" })
	own := slices.DeleteFunc(w.ownEnv(), func(v corev1.EnvVar) bool { _, ours := settings[v.Name]; return ours })
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		own = append(own, corev1.EnvVar{Name: name, Value: literal(settings[name])})
	}
	return own
}

// ownEnv are the function's own variables, first those with values, then those with references, then those of its account's
// role.
func (w *Workload) ownEnv() []corev1.EnvVar {
	own := w.givenEnv()
	return append(own, w.identityEnv(own)...)
}

// givenEnv are the variables that the spec names.
func (w *Workload) givenEnv() []corev1.EnvVar {
	e := w.Spec.Environment
	if e == nil {
		return nil
	}
	var env []corev1.EnvVar
	for _, name := range slices.Sorted(maps.Keys(e.Variables)) {
		env = append(env, corev1.EnvVar{Name: name, Value: literal(e.Variables[name])})
	}
	for _, v := range e.VariablesFrom {
		env = append(env, corev1.EnvVar{Name: v.Name, ValueFrom: source(v)})
	}
	return slices.DeleteFunc(env, func(v corev1.EnvVar) bool { return slices.Contains(knativeVariables(), v.Name) })
}

// source is where the kubelet takes a variable's value from; the controller never sees it.
func source(v v1alpha1.VariableFrom) *corev1.EnvVarSource {
	if ref := v.SecretKeyRef; ref != nil {
		return &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: ref.Name}, Key: ref.Key,
		}}
	}
	if ref := v.ConfigMapKeyRef; ref != nil {
		return &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: ref.Name}, Key: ref.Key,
		}}
	}
	return nil
}
