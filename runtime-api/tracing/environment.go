package tracing

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// exporterFrom makes the exporter that the environment asks for; nil if it asks for none.
func exporterFrom(getenv func(string) string, log *slog.Logger) (*exporter, error) {
	// Each setting may be given for traces alone.
	get := func(name string) string {
		return cmp.Or(getenv("OTEL_EXPORTER_OTLP_TRACES_"+name), getenv("OTEL_EXPORTER_OTLP_"+name))
	}
	if get("ENDPOINT") == "" || strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") || getenv("OTEL_TRACES_EXPORTER") == "none" {
		return nil, nil //nolint:nilnil // no exporter is no fault
	}
	address, badAddress := endpoint(getenv)
	header, badHeader := headers(get("HEADERS"))
	timeout, badTimeout := milliseconds(get("TIMEOUT"))
	err := errors.Join(badAddress, badHeader, badTimeout, unsupported(getenv, get))
	if err != nil {
		return nil, err
	}
	zip := get("COMPRESSION") == "gzip"
	if zip {
		header.Set("Content-Encoding", "gzip")
	}
	return &exporter{url: address, header: header, timeout: timeout, zip: zip, pause: time.Second, client: &http.Client{}, log: log}, nil
}

// endpoint is the URL for traces: as given, or at its place below the URL for all signals.
func endpoint(getenv func(string) string) (string, error) {
	name := "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	address := getenv(name)
	if address == "" {
		name = "OTEL_EXPORTER_OTLP_ENDPOINT"
		address = strings.TrimSuffix(getenv(name), "/") + "/v1/traces"
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("%s is %q: give an http or https URL", name, getenv(name))
	}
	return address, nil
}

// headers reads key=value pairs as baggage writes them. Values, which may be secrets, are in no error.
func headers(list string) (http.Header, error) {
	h := http.Header{"Content-Type": {"application/x-protobuf"}}
	for pair := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || name == "" || err != nil {
			return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_HEADERS: %q is not name=value", name)
		}
		h.Set(name, value)
	}
	return h, nil
}

func milliseconds(value string) (time.Duration, error) {
	if value == "" {
		return 10 * time.Second, nil
	}
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("OTEL_EXPORTER_OTLP_TIMEOUT is %q: give milliseconds", value)
	}
	return time.Duration(n) * time.Millisecond, nil //nolint:gosec // 31 bits
}

// unsupported finds what is asked for and cannot be done, rather than do something else.
func unsupported(getenv, get func(string) string) error {
	var faults []error
	only := func(name, value, supported string) {
		if value != "" && !strings.Contains(","+supported+",", ","+value+",") {
			faults = append(faults, fmt.Errorf("%s is %q: only %s can be had", name, value, strings.ReplaceAll(supported, ",", " and ")))
		}
	}
	only("OTEL_TRACES_EXPORTER", getenv("OTEL_TRACES_EXPORTER"), "otlp,none")
	only("OTEL_EXPORTER_OTLP_PROTOCOL", get("PROTOCOL"), "http/protobuf")
	only("OTEL_EXPORTER_OTLP_COMPRESSION", get("COMPRESSION"), "gzip,none")
	for _, name := range []string{"CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"} {
		if get(name) != "" {
			faults = append(faults, fmt.Errorf("OTEL_EXPORTER_OTLP_%s is not supported: SSL_CERT_FILE names authorities to trust", name))
		}
	}
	return errors.Join(faults...)
}
