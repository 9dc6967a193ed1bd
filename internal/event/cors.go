package event

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// CORS is a function URL's cross-origin settings, in the terms of the Lambda API.
type CORS struct {
	AllowCredentials bool
	AllowHeaders     []string
	AllowMethods     []string
	AllowOrigins     []string
	ExposeHeaders    []string
	MaxAge           int // seconds
}

// Headers are the CORS headers of the response to a request with these headers, to be set over the function's own.
// They are empty for requests that are not cross-origin or whose origin is not allowed.
func (c CORS) Headers(request http.Header) http.Header {
	out := http.Header{}
	origin := request.Get("Origin")
	if origin == "" || !allows(c.AllowOrigins, origin) {
		return out
	}
	allowed := origin
	if slices.Contains(c.AllowOrigins, "*") && !c.AllowCredentials {
		allowed = "*"
	}
	out.Set("Access-Control-Allow-Origin", allowed)
	if allowed != "*" {
		out.Set("Vary", "Origin")
	}
	if c.AllowCredentials {
		out.Set("Access-Control-Allow-Credentials", "true")
	}
	if len(c.ExposeHeaders) > 0 {
		out.Set("Access-Control-Expose-Headers", strings.Join(c.ExposeHeaders, ","))
	}
	return out
}

// Preflight answers a browser's question before a cross-origin request. It reports false for any other request, which
// goes on to the function.
func (c CORS) Preflight(method string, request http.Header) (Response, bool) {
	if method != http.MethodOptions || request.Get("Origin") == "" || request.Get("Access-Control-Request-Method") == "" {
		return Response{}, false
	}
	resp := Response{Status: http.StatusOK, Header: c.Headers(request)}
	if len(resp.Header) == 0 {
		return resp, true
	}
	if len(c.AllowMethods) > 0 {
		resp.Header.Set("Access-Control-Allow-Methods", strings.Join(c.AllowMethods, ","))
	}
	if len(c.AllowHeaders) > 0 {
		resp.Header.Set("Access-Control-Allow-Headers", strings.Join(c.AllowHeaders, ","))
	}
	if c.MaxAge > 0 {
		resp.Header.Set("Access-Control-Max-Age", strconv.Itoa(c.MaxAge))
	}
	return resp, true
}

// allows reports whether an origin is in the list, which may hold the wildcard.
func allows(origins []string, origin string) bool {
	return slices.ContainsFunc(origins, func(o string) bool { return o == "*" || strings.EqualFold(o, origin) })
}
