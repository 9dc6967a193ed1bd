package route

import (
	"fmt"
	"net"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"knative.dev/networking/pkg/apis/networking"
	"knative.dev/networking/pkg/apis/networking/v1alpha1"
)

// Target is where the requests of a split can be sent at the moment.
type Target struct {
	// Addresses are HOST:PORT of those who are ready; any of them will do.
	Addresses []string
	// H2C says that they speak HTTP/2 without TLS.
	H2C bool
}

// NewTarget gives the target of a split from the Service it names and that Service's Endpoints. endpoints may be nil.
func NewTarget(split *v1alpha1.IngressBackendSplit, service *corev1.Service, endpoints *corev1.Endpoints) (Target, error) { //nolint:staticcheck // Serving tells the data plane through Endpoints
	port, err := servicePort(split, service)
	if err != nil {
		return Target{}, err
	}
	target := Target{H2C: port.AppProtocol != nil && *port.AppProtocol == networking.AppProtocolH2C}
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		target.Addresses = []string{join(service.Spec.ExternalName, port.Port)}
		return target, nil
	}
	if endpoints == nil {
		return target, nil
	}
	for _, subset := range endpoints.Subsets {
		for _, p := range subset.Ports {
			if p.Name != port.Name {
				continue
			}
			for _, a := range subset.Addresses {
				target.Addresses = append(target.Addresses, join(a.IP, p.Port))
			}
		}
	}
	return target, nil
}

func servicePort(split *v1alpha1.IngressBackendSplit, service *corev1.Service) (corev1.ServicePort, error) {
	want := split.ServicePort.String()
	for _, p := range service.Spec.Ports {
		if p.Name == want || strconv.Itoa(int(p.Port)) == want {
			return p, nil
		}
	}
	return corev1.ServicePort{}, fmt.Errorf("service %s/%s has no port %q", service.Namespace, service.Name, want)
}

func join(host string, port int32) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}
