// Package platform is what the operator of a cluster decides: one ConfigMap, read by the controller, the gateway, and by
// the command line when it installs or examines.
package platform

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/lambkin-dev/lambkin/buildtemplates"
	"github.com/lambkin-dev/lambkin/internal/lambda"
	"github.com/lambkin-dev/lambkin/internal/messaging"
)

// Where things are on a cluster.
const (
	// Namespace holds the controller, the gateway and the configuration.
	Namespace = "lambkin-system"
	// ConfigMap is the name of the configuration, in Namespace.
	ConfigMap = "lambkin-config"
	// Key is the ConfigMap's one key; its value is the YAML form of Config.
	Key = "config.yaml"
	// NamespacesPath is where the gateway serves the Lambda API and the function URLs of a namespace: below its name.
	NamespacesPath = "/namespaces/"
	// GatewayService is the gateway's Service in Namespace, and GatewayPort the name of its port.
	GatewayService = "lambkin-gateway"
	GatewayPort    = "http"
	// DestinationsSecret holds, in Namespace, what requests to destinations are signed with: AWS_ACCESS_KEY_ID,
	// AWS_SECRET_ACCESS_KEY and, if need be, AWS_SESSION_TOKEN. It is mounted into the controller.
	DestinationsSecret = "lambkin-destinations" //nolint:gosec // a name
)

// Config is the operator's configuration. Members left out have the values of [Default].
type Config struct {
	// Registry is where functions' code and images are kept. Its prefix must be set before the first function.
	Registry Registry `json:"registry"`
	// Images are our own, as the release pushed them.
	Images Images `json:"images"`
	// Identity is the region and account in functions' ARNs.
	Identity Identity `json:"identity"`
	// Runtimes override the catalogue's entries by runtime id, and add new ones.
	Runtimes map[string]buildtemplates.Override `json:"runtimes,omitempty"`
	// Build says how code is built.
	Build Build `json:"build"`
	// Scaling bounds functions that say nothing themselves.
	Scaling Scaling `json:"scaling"`
	// NetworkPolicy says whether each namespace with functions gets a NetworkPolicy that lets only Knative and the
	// namespace itself reach their pods.
	NetworkPolicy bool `json:"networkPolicy"`
	// Destinations are the services that records of asynchronous invocations can be sent to.
	Destinations Destinations `json:"destinations"`
	// AWSAPI is the Lambda API at the gateway.
	AWSAPI AWSAPI `json:"awsAPI"`
}

// Destinations are the services that records of asynchronous invocations can be sent to, beside functions and URLs: AWS's
// own, or servers that speak as they do. Credentials are in the Secret [DestinationsSecret].
type Destinations struct {
	SQS         Endpoint `json:"sqs"`
	SNS         Endpoint `json:"sns"`
	EventBridge Endpoint `json:"eventBridge"`
}

// Endpoint is where a service is.
type Endpoint struct {
	// URL is http or https, and without a path; without it functions cannot name such destinations.
	URL string `json:"url,omitempty"`
	// Region is what requests are signed for; that of the destination's ARN if empty.
	Region string `json:"region,omitempty"`
}

// Messaging is the same as those know it who send.
func (d Destinations) Messaging() messaging.Endpoints {
	return messaging.Endpoints{
		SQS: messaging.Endpoint(d.SQS), SNS: messaging.Endpoint(d.SNS), EventBridge: messaging.Endpoint(d.EventBridge),
		Hint: "the operator of the cluster sets one below destinations in " + Key + " of the ConfigMap " + Namespace + "/" + ConfigMap,
	}
}

// Registry is where functions' code and images are kept.
type Registry struct {
	// Prefix is host[:port]/path; code and images of a namespace go to repositories below PREFIX/NAMESPACE.
	Prefix string `json:"prefix"`
	// PlainHTTP are hosts[:port] that are spoken to without TLS. No others are.
	PlainHTTP []string `json:"plainHTTP,omitempty"`
	// CAFile is a PEM file with further certificate authorities, mounted into controller and gateway.
	CAFile string `json:"caFile,omitempty"`
	// PushSecret is a Secret of type kubernetes.io/dockerconfigjson in the namespace of a build, which its last step
	// pushes with. Controller and gateway have their own, mounted.
	PushSecret string `json:"pushSecret,omitempty"`
}

// Images are our own images, by digest.
type Images struct {
	// Runtime is the image whose layers are laid over every base.
	Runtime string `json:"runtime"`
	// Builder is the image of the first and last steps of every build.
	Builder string `json:"builder"`
}

// Identity is the region and account in functions' ARNs.
type Identity struct {
	Region  string `json:"region"`
	Account string `json:"account"`
}

// Lambda is the identity as the rest of the code knows it.
func (i Identity) Lambda() lambda.Identity {
	return lambda.Identity{Region: i.Region, Account: i.Account}
}

// Build says how code is built.
type Build struct {
	// ServiceAccountName runs the builds' pods; it needs no rights. It must exist in each namespace that builds;
	// the controller makes it.
	ServiceAccountName string `json:"serviceAccountName"`
	// Timeout bounds builds that say nothing themselves.
	Timeout metav1.Duration `json:"timeout"`
	// CPU and Memory bound each step, as Kubernetes quantities.
	CPU    string `json:"cpu"`
	Memory string `json:"memory"`
	// Disk bounds what source and build may write, as a Kubernetes quantity.
	Disk string `json:"disk"`
	// CacheClaim is a PersistentVolumeClaim, in each namespace that builds, for package caches; none if empty.
	CacheClaim string `json:"cacheClaim,omitempty"`
	// Env are variables of every build step, such as GOPROXY or npm_config_registry.
	Env map[string]string `json:"env,omitempty"`
	// Keep is how many finished builds of a function are kept.
	Keep int `json:"keep"`
}

// Scaling bounds functions that say nothing themselves.
type Scaling struct {
	// MaxScale is the most pods of one function; 0 is no bound.
	MaxScale int32 `json:"maxScale"`
}

// AWSAPI is the Lambda API at the gateway.
type AWSAPI struct {
	// AllowUnsigned serves the Lambda API without asking who calls: whoever reaches the gateway may do everything.
	AllowUnsigned bool `json:"allowUnsigned"`
}

// Default is what holds where the operator says nothing.
func Default() Config {
	return Config{
		Identity: Identity{Region: "us-east-1", Account: "000000000000"},
		Build: Build{
			ServiceAccountName: "lambkin-build", Timeout: metav1.Duration{Duration: 20 * time.Minute},
			CPU: "2", Memory: "2Gi", Disk: "4Gi", Keep: 3,
		},
		Scaling:       Scaling{MaxScale: 100},
		NetworkPolicy: false,
	}
}

// Parse reads the YAML form. Unknown members are errors, so that a slip of the pen is not a setting lost.
func Parse(text string) (Config, error) {
	c := Default()
	if err := yaml.UnmarshalStrict([]byte(text), &c); err != nil {
		return Config{}, fmt.Errorf("%s of ConfigMap %s/%s: %w", Key, Namespace, ConfigMap, err)
	}
	return c, c.check()
}

// check finds what no parser can.
func (c *Config) check() error {
	var faults []error
	if p := c.Registry.Prefix; strings.Contains(p, "://") || strings.HasSuffix(p, "/") || strings.ContainsAny(p, " @") {
		faults = append(faults, fmt.Errorf("registry.prefix is %q: write HOST[:PORT]/PATH without scheme, tag or digest", p))
	}
	for _, host := range c.Registry.PlainHTTP {
		if u, err := url.Parse("http://" + host); err != nil || u.Host != host {
			faults = append(faults, fmt.Errorf("registry.plainHTTP holds %q: write HOST or HOST:PORT", host))
		}
	}
	if c.Build.Timeout.Duration <= 0 {
		faults = append(faults, fmt.Errorf("build.timeout is %v: write a duration such as 20m", c.Build.Timeout.Duration))
	}
	if c.Build.Keep < 0 || c.Scaling.MaxScale < 0 {
		faults = append(faults, errors.New("build.keep and scaling.maxScale must not be negative"))
	}
	if err := c.Destinations.Messaging().Validate(); err != nil {
		faults = append(faults, fmt.Errorf("destinations: %w", err))
	}
	return errors.Join(faults...)
}

// Plain reports whether a registry host is spoken to without TLS.
func (r Registry) Plain(host string) bool { return slices.Contains(r.PlainHTTP, host) }
