package v1alpha1

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestFunctionValidate(t *testing.T) {
	cases := map[string]struct {
		reason string
		fn     *Function
		want   []fault
	}{
		"NameMissing": {
			reason: "A function needs a name in the AWS API.",
			fn:     sampleFunction(func(f *Function) { f.Spec.FunctionName = "" }),
			want:   []fault{{field.ErrorTypeRequired, "spec.functionName"}},
		},
		"NameForm": {
			reason: "Dots are fine in object names and not in Lambda names.",
			fn:     sampleFunction(func(f *Function) { f.Name, f.Spec.FunctionName = "a.b", "a.b" }),
			want:   []fault{{field.ErrorTypeInvalid, "spec.functionName"}},
		},
		"NameTooLong": {
			reason: "65 characters are one too many.",
			fn:     sampleFunction(func(f *Function) { f.Spec.FunctionName = long(65) }),
			want:   []fault{{field.ErrorTypeTooLong, "spec.functionName"}},
		},
		"NameAtLimit": {
			reason: "64 characters are allowed, though the object's name must be shorter.",
			fn:     sampleFunction(func(f *Function) { f.Spec.FunctionName = long(64); f.Name = ObjectName(long(64)) }),
		},
		"ObjectNameElsewhere": {
			reason: "The gateway finds the object by the function's name, so the two must agree.",
			fn:     sampleFunction(func(f *Function) { f.Name = "other" }),
			want:   []fault{{field.ErrorTypeInvalid, "metadata.name"}},
		},
		"Description": {
			reason: "Characters count, not bytes.",
			fn:     sampleFunction(func(f *Function) { f.Spec.Description = strings.Repeat("é", 256) }),
		},
		"DescriptionTooLong": {
			reason: "257 characters are one too many.",
			fn:     sampleFunction(func(f *Function) { f.Spec.Description = strings.Repeat("é", 257) }),
			want:   []fault{{field.ErrorTypeTooLong, "spec.description"}},
		},
		"Role": {
			reason: "A role is an ARN of IAM.",
			fn:     sampleFunction(func(f *Function) { f.Spec.Role = "admin" }),
			want:   []fault{{field.ErrorTypeInvalid, "spec.role"}},
		},
		"RoleARN": {
			reason: "Roles may have a path.",
			fn:     sampleFunction(func(f *Function) { f.Spec.Role = "arn:aws:iam::123456789012:role/team/lambda" }),
		},
		"Everything": {
			reason: "All faults are given at once, in the order of the members.",
			fn: sampleFunction(func(f *Function) {
				f.Spec.Handler, f.Spec.Timeout, f.Spec.MemorySize = "", 0, 1
				f.Spec.Tracing.Mode = "Sometimes"
				f.Spec.Tags = map[string]string{"aws:x": ""}
			}),
			want: []fault{
				{field.ErrorTypeRequired, "spec.handler"},
				{field.ErrorTypeInvalid, "spec.memorySize"},
				{field.ErrorTypeInvalid, "spec.timeout"},
				{field.ErrorTypeNotSupported, "spec.tracing.mode"},
				{field.ErrorTypeInvalid, "spec.tags[aws:x]"},
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { checkFaults(t, tc.reason, tc.fn.Validate(), tc.want) })
	}
}

func checkFaults(t *testing.T, reason string, got field.ErrorList, want []fault) {
	t.Helper()
	if diff := cmp.Diff(want, faultsOf(got), cmp.AllowUnexported(fault{})); diff != "" {
		t.Errorf("%s\n-want +got:\n%s\n%v", reason, diff, got.ToAggregate())
	}
}

func TestFunctionValidatePackage(t *testing.T) {
	cases := map[string]struct {
		reason string
		fn     *Function
		want   []fault
	}{
		"NoCode": {
			reason: "Code is where everything begins.",
			fn:     sampleFunction(func(f *Function) { f.Spec.Code = Code{} }),
			want:   []fault{{field.ErrorTypeRequired, "spec.code"}},
		},
		"TwoCodes": {
			reason: "Nobody could say which one counts.",
			fn:     sampleFunction(func(f *Function) { f.Spec.Code.URL = &RemoteArchive{Location: "https://example.com/a.zip"} }),
			want:   []fault{{field.ErrorTypeForbidden, "spec.code"}},
		},
		"ZipNeedsRuntimeAndHandler": {
			reason: "Both are told at once.",
			fn:     sampleFunction(func(f *Function) { f.Spec.Runtime, f.Spec.Handler = "", "" }),
			want:   []fault{{field.ErrorTypeRequired, "spec.runtime"}, {field.ErrorTypeRequired, "spec.handler"}},
		},
		"ZipWithImage": {
			reason: "An image is no zip.",
			fn: sampleFunction(func(f *Function) {
				f.Spec.Code = Code{Image: &Image{URI: "registry.example/x"}}
			}),
			want: []fault{{field.ErrorTypeForbidden, "spec.code.image"}},
		},
		"RuntimeForm": {
			reason: "Runtime ids are lower-case.",
			fn:     sampleFunction(func(f *Function) { f.Spec.Runtime = "Node 22" }),
			want:   []fault{{field.ErrorTypeInvalid, "spec.runtime"}},
		},
		"RuntimeTooLong": {
			reason: "65 characters are one too many.",
			fn:     sampleFunction(func(f *Function) { f.Spec.Runtime = long(65) }),
			want:   []fault{{field.ErrorTypeTooLong, "spec.runtime"}},
		},
		"HandlerWhiteSpace": {
			reason: "The Lambda API allows no white space.",
			fn:     sampleFunction(func(f *Function) { f.Spec.Handler = "index handler" }),
			want:   []fault{{field.ErrorTypeInvalid, "spec.handler"}},
		},
		"HandlerTooLong": {
			reason: "129 characters are one too many.",
			fn:     sampleFunction(func(f *Function) { f.Spec.Handler = long(129) }),
			want:   []fault{{field.ErrorTypeTooLong, "spec.handler"}},
		},
		"ImageRefuses": {
			reason: "What the image holds cannot be given beside it.",
			fn: sampleImageFunction(func(f *Function) {
				f.Spec.Runtime, f.Spec.Handler, f.Spec.Layers = "nodejs22.x", "index.handler", []string{layerARN}
			}),
			want: []fault{
				{field.ErrorTypeForbidden, "spec.runtime"},
				{field.ErrorTypeForbidden, "spec.handler"},
				{field.ErrorTypeForbidden, "spec.layers"},
			},
		},
		"ImageWithZip": {
			reason: "A zip is no image.",
			fn: sampleImageFunction(func(f *Function) {
				f.Spec.Code = Code{Zip: &Blob{SHA256: digest, Size: 1}}
			}),
			want: []fault{{field.ErrorTypeForbidden, "spec.code.zip"}},
		},
		"PackageType": {
			reason: "Only the Lambda API's two are known.",
			fn:     sampleFunction(func(f *Function) { f.Spec.PackageType = "Tar" }),
			want:   []fault{{field.ErrorTypeNotSupported, "spec.packageType"}},
		},
		"Blob": {
			reason: "A blob is named by its digest and has a size.",
			fn:     sampleFunction(func(f *Function) { f.Spec.Code.Zip = &Blob{SHA256: strings.ToUpper(digest)} }),
			want:   []fault{{field.ErrorTypeInvalid, "spec.code.zip.sha256"}, {field.ErrorTypeInvalid, "spec.code.zip.size"}},
		},
		"ImageURI": {
			reason: "An image needs a reference, and working directories have a limit.",
			fn: sampleImageFunction(func(f *Function) {
				f.Spec.Code.Image = &Image{WorkingDirectory: long(1001)}
			}),
			want: []fault{{field.ErrorTypeRequired, "spec.code.image.uri"}, {field.ErrorTypeTooLong, "spec.code.image.workingDirectory"}},
		},
		"ImageURIWhiteSpace": {
			reason: "No reference holds white space.",
			fn:     sampleImageFunction(func(f *Function) { f.Spec.Code.Image.URI = "a b" }),
			want:   []fault{{field.ErrorTypeInvalid, "spec.code.image.uri"}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) { checkFaults(t, tc.reason, tc.fn.Validate(), tc.want) })
	}
}

func TestRemoteArchiveValidate(t *testing.T) {
	const location = "spec.code.url.location"
	cases := map[string]struct {
		reason   string
		location string
		sha256   string
		want     []fault
	}{
		"HTTPS":     {reason: "The usual form.", location: "https://example.com/a.zip?sig=1", sha256: digest},
		"File":      {reason: "On one machine a file will do.", location: "file:///srv/a.zip"},
		"Empty":     {reason: "There must be one.", want: []fault{{field.ErrorTypeRequired, location}}},
		"Scheme":    {reason: "S3 cannot be reached without AWS.", location: "s3://bucket/key", want: []fault{{field.ErrorTypeInvalid, location}}},
		"NoScheme":  {reason: "A path is no URL.", location: "/srv/a.zip", want: []fault{{field.ErrorTypeInvalid, location}}},
		"NoHost":    {reason: "An http URL names a host.", location: "https:///a.zip", want: []fault{{field.ErrorTypeInvalid, location}}},
		"FileHost":  {reason: "Relative file paths look like hosts.", location: "file://a.zip", want: []fault{{field.ErrorTypeInvalid, location}}},
		"Malformed": {reason: "Not a URL at all.", location: "https://a b%zz", want: []fault{{field.ErrorTypeInvalid, location}}},
		"Long":      {reason: "2048 characters at most.", location: "https://h/" + long(2048), want: []fault{{field.ErrorTypeTooLong, location}}},
		"Digest": {
			reason: "A digest given must be one.", location: "https://example.com/a.zip", sha256: "abc",
			want: []fault{{field.ErrorTypeInvalid, "spec.code.url.sha256"}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			fn := sampleFunction(func(f *Function) {
				f.Spec.Code = Code{URL: &RemoteArchive{Location: tc.location, SHA256: tc.sha256}}
			})
			checkFaults(t, tc.reason, fn.Validate(), tc.want)
		})
	}
}

func TestFunctionValidateBounds(t *testing.T) {
	cases := map[string]struct {
		set         func(*FunctionSpec, int32)
		least, most int32
	}{
		"spec.memorySize":                     {func(s *FunctionSpec, n int32) { s.MemorySize = n }, 128, 10240},
		"spec.timeout":                        {func(s *FunctionSpec, n int32) { s.Timeout = n }, 1, 900},
		"spec.ephemeralStorage.size":          {func(s *FunctionSpec, n int32) { s.EphemeralStorage.Size = n }, 512, 10240},
		"spec.concurrency.environmentsPerPod": {func(s *FunctionSpec, n int32) { s.Concurrency.EnvironmentsPerPod = n }, 1, 100},
		"spec.concurrency.perEnvironment":     {func(s *FunctionSpec, n int32) { s.Concurrency.PerEnvironment = n }, 1, 1000},
		"spec.concurrency.reserved":           {func(s *FunctionSpec, n int32) { s.Concurrency.Reserved = &n }, 0, maxInvocations},
		"spec.concurrency.provisioned":        {func(s *FunctionSpec, n int32) { s.Concurrency.Provisioned = &n }, 0, maxInvocations},
		"spec.async.maximumRetryAttempts":     {func(s *FunctionSpec, n int32) { s.Async = &Async{MaximumRetryAttempts: &n} }, 0, 2},
		"spec.async.maximumEventAgeInSeconds": {func(s *FunctionSpec, n int32) { s.Async = &Async{MaximumEventAgeInSeconds: &n} }, 60, 21600},
	}
	for path, tc := range cases {
		t.Run(path, func(t *testing.T) {
			for n, ok := range map[int32]bool{tc.least: true, tc.most: true, tc.least - 1: false, tc.most + 1: false} {
				var want []fault
				if !ok {
					want = []fault{{field.ErrorTypeInvalid, path}}
				}
				fn := sampleFunction(func(f *Function) { tc.set(&f.Spec, n) })
				checkFaults(t, fmt.Sprintf("%s = %d, allowed are %d to %d", path, n, tc.least, tc.most), fn.Validate(), want)
			}
		})
	}
}

func TestFunctionValidateMembers(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(*FunctionSpec)
		want   []fault
	}{
		"TwoArchitectures": {
			reason: "One function has one architecture.",
			change: func(s *FunctionSpec) { s.Architectures = architectures() },
			want:   []fault{{field.ErrorTypeInvalid, "spec.architectures"}},
		},
		"Architecture": {
			reason: "The Lambda API's names, not Go's.",
			change: func(s *FunctionSpec) { s.Architectures = []Architecture{"amd64"} },
			want:   []fault{{field.ErrorTypeNotSupported, "spec.architectures[0]"}},
		},
		"Layers": {
			reason: "Any partition and region may be named.",
			change: func(s *FunctionSpec) {
				s.Layers = []string{layerARN, "arn:aws-cn:lambda:cn-north-1:123456789012:layer:b_c-D:12"}
			},
		},
		"LayerForm": {
			reason: "A layer is named with its version.",
			change: func(s *FunctionSpec) {
				s.Layers = []string{layerARN, "arn:aws:lambda:eu-west-1:123456789012:layer:tools"}
			},
			want: []fault{{field.ErrorTypeInvalid, "spec.layers[1]"}},
		},
		"LayerTwice": {
			reason: "Two versions of a layer would overwrite each other.",
			change: func(s *FunctionSpec) { s.Layers = []string{layerARN, layerARN[:len(layerARN)-1] + "4"} },
			want:   []fault{{field.ErrorTypeInvalid, "spec.layers[1]"}},
		},
		"SixLayers": {
			reason: "Five are the most.",
			change: func(s *FunctionSpec) {
				for i := range 6 {
					s.Layers = append(s.Layers, fmt.Sprintf("arn:aws:lambda:eu-west-1:123456789012:layer:l%d:1", i))
				}
			},
			want: []fault{{field.ErrorTypeTooMany, "spec.layers"}},
		},
		"ProvisionedAboveReserved": {
			reason: "More could be kept ready than may run.",
			change: func(s *FunctionSpec) {
				s.Concurrency.Reserved, s.Concurrency.Provisioned = new(int32(1)), new(int32(2))
			},
			want: []fault{{field.ErrorTypeInvalid, "spec.concurrency.provisioned"}},
		},
		"HTTP": {
			reason: "Both members are enumerations.",
			change: func(s *FunctionSpec) { s.HTTP = &HTTP{EventFormat: "3.0", InvokeMode: "LATER"} },
			want:   []fault{{field.ErrorTypeNotSupported, "spec.http.eventFormat"}, {field.ErrorTypeNotSupported, "spec.http.invokeMode"}},
		},
		"Destinations": {
			reason: "Functions and web addresses take records.",
			change: func(s *FunctionSpec) {
				s.DeadLetter = &Destination{Destination: "http://sink.example/dead"}
				s.Async = &Async{OnSuccess: &Destination{Destination: "arn:aws:lambda:eu-west-1:123456789012:function:audit:live"}}
			},
		},
		"DestinationServices": {
			reason: "Queues, topics and buses take records too; whether they can be reached is for the engine to say.",
			change: func(s *FunctionSpec) {
				s.DeadLetter = &Destination{Destination: "arn:aws:sqs:eu-west-1:123456789012:dead"}
				s.Async = &Async{
					OnSuccess: &Destination{Destination: "arn:aws:events:eu-west-1:123456789012:event-bus/default"},
					OnFailure: &Destination{Destination: "arn:aws:sns:eu-west-1:123456789012:failures"},
				}
			},
		},
		"DestinationFIFO": {
			reason: "AWS's Lambda sends nothing to queues and topics that keep an order.",
			change: func(s *FunctionSpec) {
				s.DeadLetter = &Destination{Destination: "arn:aws:sqs:eu-west-1:123456789012:dead.fifo"}
				s.Async = &Async{OnFailure: &Destination{Destination: "arn:aws:sns:eu-west-1:123456789012:failures.fifo"}}
			},
			want: []fault{{field.ErrorTypeInvalid, "spec.async.onFailure.destination"}, {field.ErrorTypeInvalid, "spec.deadLetter.destination"}},
		},
		"DestinationOther": {
			reason: "What takes nothing is refused, and buses take no dead letters.",
			change: func(s *FunctionSpec) {
				s.DeadLetter = &Destination{Destination: "arn:aws:events:eu-west-1:123456789012:event-bus/default"}
				s.Async = &Async{OnFailure: &Destination{Destination: "ftp://x/y"}}
			},
			want: []fault{{field.ErrorTypeInvalid, "spec.async.onFailure.destination"}, {field.ErrorTypeInvalid, "spec.deadLetter.destination"}},
		},
		"LevelsOfText": {
			reason: "Text has no levels.",
			change: func(s *FunctionSpec) { s.Logging.ApplicationLogLevel, s.Logging.SystemLogLevel = "INFO", "INFO" },
			want:   []fault{{field.ErrorTypeForbidden, "spec.logging.applicationLogLevel"}, {field.ErrorTypeForbidden, "spec.logging.systemLogLevel"}},
		},
		"LevelsOfJSON": {
			reason: "The platform has fewer levels than the application.",
			change: func(s *FunctionSpec) {
				s.Logging = &Logging{Format: LogFormatJSON, ApplicationLogLevel: "FATAL", SystemLogLevel: "FATAL"}
			},
			want: []fault{{field.ErrorTypeNotSupported, "spec.logging.systemLogLevel"}},
		},
		"LogFormat": {
			reason: "An unknown format.",
			change: func(s *FunctionSpec) { s.Logging.Format = "XML" },
			want:   []fault{{field.ErrorTypeNotSupported, "spec.logging.format"}},
		},
		"LogGroup": {
			reason: "Log groups have a form and a length.",
			change: func(s *FunctionSpec) { s.Logging.LogGroup = " " + long(512) },
			want:   []fault{{field.ErrorTypeInvalid, "spec.logging.logGroup"}, {field.ErrorTypeTooLong, "spec.logging.logGroup"}},
		},
		"Tags": {
			reason: "Keys and values have limits.",
			change: func(s *FunctionSpec) { s.Tags = map[string]string{"": "x", long(129): long(257)} },
			want: []fault{
				{field.ErrorTypeInvalid, "spec.tags[]"},
				{field.ErrorTypeTooLong, "spec.tags[" + long(129) + "]"},
				{field.ErrorTypeTooLong, "spec.tags[" + long(129) + "]"},
			},
		},
		"TooManyTags": {
			reason: "Fifty are the most.",
			change: func(s *FunctionSpec) {
				s.Tags = make(map[string]string)
				for i := range 51 {
					s.Tags[fmt.Sprintf("k%d", i)] = ""
				}
			},
			want: []fault{{field.ErrorTypeTooMany, "spec.tags"}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			fn := sampleFunction(func(f *Function) { tc.change(&f.Spec) })
			checkFaults(t, tc.reason, fn.Validate(), tc.want)
		})
	}
}

func TestFunctionValidateUpdate(t *testing.T) {
	old := sampleFunction()
	renamed := sampleFunction(func(f *Function) { f.Spec.FunctionName = "Orders"; f.Name = ObjectName("Orders") })
	checkFaults(t, "The name is the function's identity.", renamed.ValidateUpdate(old), []fault{{field.ErrorTypeForbidden, "spec.functionName"}})

	implicit := sampleFunction(func(f *Function) { f.Spec.FunctionName = "" })
	checkFaults(t, "A name left out is the object's name.", old.ValidateUpdate(implicit), nil)

	changed := sampleFunction(func(f *Function) { f.Spec.Timeout = 901 })
	checkFaults(t, "An update is validated too.", changed.ValidateUpdate(old), []fault{{field.ErrorTypeInvalid, "spec.timeout"}})
}
