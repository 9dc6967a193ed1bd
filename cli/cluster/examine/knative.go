package examine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// servingNamespace is where Knative Serving keeps its settings.
const servingNamespace = "knative-serving"

// The versions of Knative and Tekton that our own tests run on. Older ones may do as well.
const (
	servingMajor, servingMinor = 1, 23
	tektonMajor, tektonMinor   = 1, 12
)

func (x *Examiner) serving(ctx context.Context) []Finding {
	const what = "Knative Serving"
	there, err := x.has("serving.knative.dev", "v1")
	if err != nil {
		return []Finding{{what, Broken, err.Error(), ""}}
	}
	if !there {
		return []Finding{{what, Broken, "the cluster does not have it", "install it with an ingress: knative.dev/docs/install"}}
	}
	findings := []Finding{versioned(what, x.kindVersion(ctx, "services.serving.knative.dev"), servingMajor, servingMinor), x.ingress(ctx), x.domain(ctx)}
	return append(append(findings, x.features(ctx)...), x.longest(ctx))
}

// versioned is the finding about something that is there in a version, if that is known.
func versioned(what, version string, major, minor int) Finding {
	f := Finding{what, Fine, version, ""}
	if version == "" {
		f.Detail = "of a version that is not known"
	}
	if older(version, major, minor) {
		f.State = Differs
		f.WayOut = fmt.Sprintf("it should do; Lambkin is tested with %d.%d", major, minor)
	}
	return f
}

// defaultIngress is the class that holds where nothing is said.
const defaultIngress = "istio.ingress.networking.knative.dev"

// ingressControllers are the Deployments of the ingresses that the Knative project makes, by class.
func ingressControllers() map[string]string {
	return map[string]string{
		defaultIngress:                               "net-istio-controller",
		"kourier.ingress.networking.knative.dev":     "net-kourier-controller",
		"contour.ingress.networking.knative.dev":     "net-contour-controller",
		"gateway-api.ingress.networking.knative.dev": "net-gateway-api-controller",
	}
}

func (x *Examiner) ingress(ctx context.Context) Finding {
	const what = "ingress"
	data, unreadable := x.settings(ctx, what, servingNamespace, "config-network")
	if unreadable != nil {
		return *unreadable
	}
	class, from := data["ingress-class"], "ConfigMap config-network"
	if class == "" {
		class = data["ingress.class"] // as it was called before
	}
	if class == "" {
		class, from = defaultIngress, "Knative's default, since ConfigMap config-network names none"
	}
	name, known := ingressControllers()[class]
	if !known {
		return Finding{what, Fine, fmt.Sprintf("%s (%s)", class, from), ""}
	}
	f := x.deployment(ctx, what, servingNamespace, name)
	f.Detail = fmt.Sprintf("%s (%s): %s", class, from, f.Detail)
	if f.State == Broken {
		f.WayOut = fmt.Sprintf("install the ingress, or name the one you have: kubectl -n %s patch configmap config-network -p '{\"data\":{\"ingress-class\":\"CLASS\"}}'", servingNamespace)
	}
	return f
}

// dnsPatience is how long a name server may take.
const dnsPatience = 5 * time.Second

func (x *Examiner) domain(ctx context.Context) Finding {
	const what = "domain"
	data, unreadable := x.settings(ctx, what, servingNamespace, "config-domain")
	if unreadable != nil {
		return *unreadable
	}
	domain := defaultDomain(data)
	if domain == "" || strings.HasPrefix(domain, "svc.") {
		return Finding{what, Missing, "none is set, so functions have no address outside the cluster",
			fmt.Sprintf("kubectl -n %s patch configmap config-domain -p '{\"data\":{\"YOUR.DOMAIN\":\"\"}}'; invoking works without", servingNamespace)}
	}
	ctx, cancel := context.WithTimeout(ctx, dnsPatience)
	defer cancel()
	host := fmt.Sprintf("lambkin-doctor.%s.%s", x.Cluster.Namespace, domain)
	if err := x.lookup(ctx, host); err != nil {
		return Finding{what, Missing, fmt.Sprintf("%s; from here %q leads nowhere", domain, host),
			fmt.Sprintf("point *.%s to the ingress in your DNS, or send requests to it with a Host header", domain)}
	}
	return Finding{what, Fine, fmt.Sprintf("%s, and its names lead somewhere", domain), ""}
}

// defaultDomain is the domain without conditions; empty if there is none.
func defaultDomain(data map[string]string) string {
	for _, name := range slices.Sorted(maps.Keys(data)) {
		if !strings.HasPrefix(name, "_") && strings.TrimSpace(data[name]) == "" {
			return name
		}
	}
	return ""
}

// feature is a choice of Knative's operator that some member of our objects needs.
type feature struct {
	key       string
	byDefault string
	member    string // what does not work without
}

func featuresNeeded() []feature {
	return []feature{
		{"kubernetes.podspec-nodeselector", "disabled", "architectures and pod.nodeSelector do not choose nodes"},
		{"kubernetes.podspec-runtimeclassname", "disabled", "pod.runtimeClassName is refused"},
		{"kubernetes.podspec-volumes-emptydir", "enabled", "ephemeralStorage is not enforced, and functions may write to their whole file system"},
		{"kubernetes.podspec-persistent-volume-claim", "disabled", "fileSystems are refused"},
		{"kubernetes.podspec-persistent-volume-write", "disabled", "fileSystems are refused"},
	}
}

func (x *Examiner) features(ctx context.Context) []Finding {
	data, unreadable := x.settings(ctx, "features", servingNamespace, "config-features")
	if unreadable != nil {
		return []Finding{*unreadable}
	}
	var off []Finding
	for _, f := range featuresNeeded() {
		set := data[f.key]
		if set == "" {
			set = f.byDefault
		}
		if strings.EqualFold(set, "enabled") || strings.EqualFold(set, "allowed") {
			continue
		}
		off = append(off, Finding{"features", Missing, fmt.Sprintf("%s is off: %s", f.key, f.member),
			fmt.Sprintf("kubectl -n %s patch configmap config-features -p '{\"data\":{%q:\"enabled\"}}'", servingNamespace, f.key)})
	}
	if len(off) == 0 {
		return []Finding{{"features", Fine, "everything that functions may ask for", ""}}
	}
	return off
}

// How long Knative lets a request take where nothing is said, and what the longest function needs: its own 900 seconds
// and ten for its answer.
const (
	knativeLongest = 600
	neededLongest  = 910
)

func (x *Examiner) longest(ctx context.Context) Finding {
	const what = "longest request"
	data, unreadable := x.settings(ctx, what, servingNamespace, "config-defaults")
	if unreadable != nil {
		return *unreadable
	}
	seconds := knativeLongest
	if n, err := strconv.Atoi(data["max-revision-timeout-seconds"]); err == nil {
		seconds = n
	}
	if seconds >= neededLongest {
		return Finding{what, Fine, fmt.Sprintf("%d s", seconds), ""}
	}
	return Finding{what, Missing, fmt.Sprintf("%d s, so functions with a longer timeout are refused", seconds),
		fmt.Sprintf("kubectl -n %s patch configmap config-defaults -p '{\"data\":{\"max-revision-timeout-seconds\":\"%d\"}}'", servingNamespace, neededLongest)}
}

func (x *Examiner) tekton(ctx context.Context) Finding {
	const what = "Tekton Pipelines"
	there, err := x.has("tekton.dev", "v1")
	if err != nil {
		return Finding{what, Broken, err.Error(), ""}
	}
	if !there {
		return Finding{what, Missing, "the cluster does not have it, so code is not built there; zips and images work", "install it (tekton.dev/docs/installation), then run \"lambkin install\" again; or deploy with --local-build"}
	}
	info, unreadable := x.settings(ctx, what, "tekton-pipelines", "pipelines-info")
	if unreadable != nil {
		return versioned(what, "", tektonMajor, tektonMinor)
	}
	return versioned(what, info["version"], tektonMajor, tektonMinor)
}
