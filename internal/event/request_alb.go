package event

// albEvent is a load balancer's event: query parameters are not decoded, and headers and parameters come either with
// one value or with all, never both (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html).
type albEvent struct {
	RequestContext    albContext          `json:"requestContext"`
	HTTPMethod        string              `json:"httpMethod"`
	Path              string              `json:"path"`
	Query             map[string]string   `json:"queryStringParameters,omitzero"`
	MultiValueQuery   map[string][]string `json:"multiValueQueryStringParameters,omitzero"`
	Headers           map[string]string   `json:"headers,omitzero"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders,omitzero"`
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

type albContext struct {
	ELB albTarget `json:"elb"`
}

type albTarget struct {
	TargetGroupARN string `json:"targetGroupArn"`
}

func (r *Request) alb(multi bool) albEvent {
	e := albEvent{
		RequestContext: albContext{ELB: albTarget{TargetGroupARN: r.TargetGroup}}, HTTPMethod: r.Method, Path: r.Path,
	}
	query := lists(r.query(false))
	if query == nil {
		query = map[string][]string{}
	}
	headers := lowered(r.fields(r.origin()))
	if multi {
		e.MultiValueHeaders, e.MultiValueQuery = headers, query
	} else {
		e.Headers, e.Query = last(headers), last(query)
	}
	if len(r.Body) > 0 {
		e.Body, e.IsBase64Encoded = r.encoded(isText(r.Header))
	}
	return e
}
