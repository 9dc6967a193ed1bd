package event

import (
	"net/http"
	"strings"
)

// v1Event is payload 1.0: what is absent is null
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html).
// Header names come in Go's spelling, as the server does not keep the caller's.
type v1Event struct {
	Resource          string              `json:"resource"`
	Path              string              `json:"path"`
	HTTPMethod        string              `json:"httpMethod"`
	Headers           map[string]string   `json:"headers"`
	MultiValueHeaders http.Header         `json:"multiValueHeaders"`
	Query             map[string]string   `json:"queryStringParameters"`
	MultiValueQuery   map[string][]string `json:"multiValueQueryStringParameters"`
	PathParameters    map[string]string   `json:"pathParameters"`
	StageVariables    map[string]string   `json:"stageVariables"`
	RequestContext    v1Context           `json:"requestContext"`
	Body              *string             `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

type v1Context struct {
	ResourceID        string     `json:"resourceId"`
	ResourcePath      string     `json:"resourcePath"`
	HTTPMethod        string     `json:"httpMethod"`
	ExtendedRequestID string     `json:"extendedRequestId"`
	RequestTime       string     `json:"requestTime"`
	Path              string     `json:"path"`
	AccountID         string     `json:"accountId"`
	Protocol          string     `json:"protocol"`
	Stage             string     `json:"stage"`
	DomainPrefix      string     `json:"domainPrefix"`
	RequestTimeEpoch  int64      `json:"requestTimeEpoch"`
	RequestID         string     `json:"requestId"`
	Identity          v1Identity `json:"identity"`
	DomainName        string     `json:"domainName"`
	APIID             string     `json:"apiId"`
}

// v1Identity is who called. Nobody is signed in at this door, so all but address and agent stay null.
type v1Identity struct {
	CognitoIdentityPoolID         *string `json:"cognitoIdentityPoolId"`
	AccountID                     *string `json:"accountId"`
	CognitoIdentityID             *string `json:"cognitoIdentityId"`
	Caller                        *string `json:"caller"`
	SourceIP                      string  `json:"sourceIp"`
	PrincipalOrgID                *string `json:"principalOrgId"`
	AccessKey                     *string `json:"accessKey"`
	CognitoAuthenticationType     *string `json:"cognitoAuthenticationType"`
	CognitoAuthenticationProvider *string `json:"cognitoAuthenticationProvider"`
	UserARN                       *string `json:"userArn"`
	UserAgent                     string  `json:"userAgent"`
	User                          *string `json:"user"`
}

// Every path belongs to the resource of a greedy proxy, the root aside, as in an API with one such method.
const (
	proxyResource = "/{proxy+}"
	rootResource  = "/"
)

func (r *Request) v1() v1Event {
	o, domain, path := r.origin(), r.domain(), r.path()
	fields, query := r.fields(o), lists(r.query(true))
	resource, parameters := rootResource, map[string]string(nil)
	if rest := strings.TrimPrefix(path, "/"); rest != "" {
		resource, parameters = proxyResource, map[string]string{"proxy": rest}
	}
	e := v1Event{
		Resource: resource, Path: path, HTTPMethod: r.Method, Headers: last(fields), MultiValueHeaders: fields,
		Query: last(query), MultiValueQuery: query, PathParameters: parameters,
		RequestContext: v1Context{
			ResourceID: "lambkin", ResourcePath: resource, HTTPMethod: r.Method, ExtendedRequestID: r.ID,
			RequestTime: r.Time.UTC().Format(clock), Path: path, AccountID: r.accountID(), Protocol: r.Proto,
			Stage: defaultRoute, DomainPrefix: prefix(domain), RequestTimeEpoch: r.Time.UnixMilli(), RequestID: r.ID,
			Identity: v1Identity{SourceIP: o.ip, UserAgent: r.Header.Get("User-Agent")}, DomainName: domain, APIID: r.apiID(),
		},
	}
	if len(r.Body) > 0 {
		// A REST API passes every body as text unless told otherwise; bytes that are none must not be damaged, though.
		body, isBase64 := r.encoded(true)
		e.Body, e.IsBase64Encoded = &body, isBase64
	}
	return e
}
