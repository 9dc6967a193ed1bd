package local

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/lambkin-dev/lambkin/api/v1alpha1"
)

// What becomes of a member on one machine.
const (
	effect   = "effect"   // it does what its comment says
	refused  = "refused"  // the object is not admitted, or its status says that it cannot be had
	reported = "reported" // it has another effect or none, and the status says so
	shown    = "shown"    // it is for people or tools, and given back to them
)

// fate is what becomes of a member, and the test that proves it: PACKAGE:TEST, the package below the module's folder, the
// test a function or, for enginetest, the name of a case.
type fate struct{ what, proof string }

// fates has every member of every spec. No member may be accepted and ignored: a new one needs its line, and its test.
func fates() map[string]fate {
	const suite = "internal/engine/enginetest:"
	return map[string]fate{
		"Function.functionName":                              {effect, suite + "Names"},
		"Function.description":                               {shown, "internal/gateway:TestUpdateFunctionConfiguration"},
		"Function.packageType":                               {refused, "internal/engine/local:TestStates"}, // Image; Zip is what runs
		"Function.runtime":                                   {effect, suite + "UnknownRuntime"},
		"Function.handler":                                   {effect, suite + "Variables"},
		"Function.code.zip.sha256":                           {effect, suite + "ToReady"},
		"Function.code.zip.size":                             {refused, "internal/engine/local:TestSizeMustBeThatOfTheBytes"},
		"Function.code.url.location":                         {effect, "internal/engine/local:TestFetch"},
		"Function.code.url.sha256":                           {effect, "internal/engine/local:TestFetch"},
		"Function.code.image.uri":                            {refused, "internal/engine/local:TestStates"},
		"Function.code.image.entryPoint":                     {refused, "internal/engine/local:TestStates"},
		"Function.code.image.command":                        {refused, "internal/engine/local:TestStates"},
		"Function.code.image.workingDirectory":               {refused, "internal/engine/local:TestStates"},
		"Function.code.image.protocol":                       {refused, "internal/engine/local:TestStates"},
		"Function.code.source.git.url":                       {refused, "internal/engine/local:TestNothingIsBuilt"},
		"Function.code.source.git.revision":                  {refused, "internal/engine/local:TestNothingIsBuilt"},
		"Function.code.source.git.secretName":                {refused, "internal/engine/local:TestNothingIsBuilt"},
		"Function.code.source.archive.location":              {refused, "internal/engine/local:TestNothingIsBuilt"},
		"Function.code.source.archive.sha256":                {refused, "internal/engine/local:TestNothingIsBuilt"},
		"Function.code.source.upload.sha256":                 {refused, "internal/engine/local:TestNothingIsBuilt"},
		"Function.code.source.upload.size":                   {refused, "internal/engine/local:TestNothingIsBuilt"},
		"Function.code.source.artifact.uri":                  {refused, "internal/engine/local:TestNothingIsBuilt"},
		"Function.code.source.path":                          {refused, "internal/engine/local:TestNothingIsBuilt"},
		"Function.code.source.dockerfile":                    {refused, "internal/engine/local:TestNothingIsBuilt"},
		"Function.code.source.test":                          {refused, "internal/engine/local:TestNothingIsBuilt"},
		"Function.code.source.env":                           {refused, "internal/engine/local:TestNothingIsBuilt"},
		"Function.code.source.timeout.":                      {refused, "internal/engine/local:TestNothingIsBuilt"},
		"Function.scaling.minScale":                          {reported, "internal/engine/local:TestUnmet"},
		"Function.scaling.maxScale":                          {reported, "internal/engine/local:TestUnmet"},
		"Function.scaling.target":                            {reported, "internal/engine/local:TestUnmet"},
		"Function.scaling.metric":                            {reported, "internal/engine/local:TestUnmet"},
		"Function.scaling.window.":                           {reported, "internal/engine/local:TestUnmet"},
		"Function.scaling.class":                             {reported, "internal/engine/local:TestUnmet"},
		"Function.pod.serviceAccountName":                    {reported, "internal/engine/local:TestUnmet"},
		"Function.pod.runtimeClassName":                      {reported, "internal/engine/local:TestUnmet"},
		"Function.pod.nodeSelector":                          {reported, "internal/engine/local:TestUnmet"},
		"Function.pod.imagePullSecrets":                      {reported, "internal/engine/local:TestUnmet"},
		"Function.http.visibility":                           {reported, "internal/engine/local:TestUnmet"},
		"Function.architectures":                             {reported, "internal/engine/local:TestUnmet"}, // compiled code is refused: TestRefusedByTheHost
		"Function.memorySize":                                {effect, suite + "OutOfMemory"},
		"Function.timeout":                                   {effect, suite + "Timeout"},
		"Function.ephemeralStorage.size":                     {reported, "internal/engine/local:TestUnmet"},
		"Function.environment.variables":                     {effect, suite + "Variables"},
		"Function.environment.variablesFrom.name":            {effect, "internal/engine/local:TestVariables"},
		"Function.environment.variablesFrom.secretKeyRef":    {effect, "internal/engine/local:TestVariables"},
		"Function.environment.variablesFrom.configMapKeyRef": {effect, "internal/engine/local:TestVariables"},
		"Function.layers":                                    {effect, suite + "Layers"},
		"Function.concurrency.reserved":                      {effect, suite + "Reserved"},
		"Function.concurrency.provisioned":                   {effect, suite + "Provisioned"},
		"Function.concurrency.environmentsPerPod":            {reported, "internal/engine/local:TestUnmet"},
		"Function.concurrency.perEnvironment":                {effect, suite + "PerEnvironment"},
		"Function.http.eventFormat":                          {effect, "cli/host:TestEventFormats"},
		"Function.http.invokeMode":                           {effect, "cli/host:TestInvokeModes"},
		"Function.async.maximumRetryAttempts":                {effect, suite + "RetriesThenDestination"},
		"Function.async.maximumEventAgeInSeconds":            {effect, "internal/engine/local:TestThrottledEventsGetOldOnly"},
		"Function.async.onSuccess.destination":               {effect, suite + "FunctionDestination"},
		"Function.async.onFailure.destination":               {effect, suite + "RetriesThenDestination"},
		"Function.logging.format":                            {effect, suite + "JSON"},
		"Function.logging.applicationLogLevel":               {effect, suite + "JSON"},
		"Function.logging.systemLogLevel":                    {effect, suite + "JSON"},
		"Function.logging.logGroup":                          {effect, suite + "JSON"},
		"Function.tracing.mode":                              {effect, "internal/engine/local:TestTraces"},
		"Function.deadLetter.destination":                    {effect, suite + "DeadLetter"},
		"Function.fileSystems.claim":                         {refused, "internal/engine/local:TestRefusedByTheHost"},
		"Function.fileSystems.mountPath":                     {refused, "internal/engine/local:TestRefusedByTheHost"},
		"Function.role":                                      {shown, "internal/gateway:TestUpdateFunctionConfiguration"},
		"Function.tags":                                      {shown, "internal/gateway:TestTags"},
		"Function.recursiveLoop":                             {effect, "internal/engine:TestAdmitEndsLoops"},
		"Function.codeSigningConfig":                         {effect, "internal/engine/local:TestCodeSigning"},
		"Function.tenancy.isolationMode":                     {effect, suite + "Tenants"},

		"Version.functionName":           {effect, suite + "Immutable"},
		"Version.version":                {effect, suite + "NumbersOnce"},
		"Version.function":               {effect, suite + "Immutable"}, // also TestVersionsKeepTheirOwn, TestEventFormats
		"Version.image":                  {reported, "internal/engine/local:TestVersionsImage"},
		"Version.provisionedConcurrency": {effect, "internal/engine/local:TestProvisionedVersion"},

		"Version.async.maximumRetryAttempts":     {effect, suite + "OfQualifiers"},
		"Version.async.maximumEventAgeInSeconds": {effect, "internal/delivery:TestPolicyUnder"},
		"Version.async.onSuccess.destination":    {effect, "internal/delivery:TestPolicyUnder"},
		"Version.async.onFailure.destination":    {effect, suite + "OfQualifiers"},

		"Alias.functionName":             {effect, suite + "Alias"},
		"Alias.name":                     {effect, suite + "Alias"},
		"Alias.functionVersion":          {effect, suite + "Alias"},
		"Alias.description":              {shown, "internal/gateway:TestAliases"},
		"Alias.additionalVersionWeights": {effect, suite + "Weights"},
		"Alias.provisionedConcurrency":   {effect, "internal/engine/local:TestProvisionedVersion"},

		"Alias.async.maximumRetryAttempts":     {effect, suite + "OfQualifiers"},
		"Alias.async.maximumEventAgeInSeconds": {effect, "internal/delivery:TestPolicyUnder"},
		"Alias.async.onSuccess.destination":    {effect, suite + "OfQualifiers"},
		"Alias.async.onFailure.destination":    {effect, suite + "OfQualifiers"},

		"CodeSigningConfig.description":                                 {shown, "internal/gateway:TestCodeSigningConfigs"},
		"CodeSigningConfig.allowedPublishers.signingProfileVersionArns": {shown, "internal/gateway:TestCodeSigningConfigs"}, // none can be verified
		"CodeSigningConfig.untrustedArtifactOnDeployment":               {effect, "internal/engine/local:TestCodeSigning"},
		"CodeSigningConfig.tags":                                        {shown, "internal/gateway:TestCodeSigningConfigs"},

		"LayerVersion.layerName":               {effect, suite + "Layers"},
		"LayerVersion.version":                 {effect, suite + "Layers"},
		"LayerVersion.description":             {shown, "internal/gateway:TestLayerWords"},
		"LayerVersion.licenseInfo":             {shown, "internal/gateway:TestLayerWords"},
		"LayerVersion.compatibleRuntimes":      {shown, "internal/gateway:TestListLayers"}, // information only, as on AWS
		"LayerVersion.compatibleArchitectures": {shown, "internal/gateway:TestListLayers"}, // likewise
		"LayerVersion.content.sha256":          {effect, suite + "Layers"},
		"LayerVersion.content.size":            {refused, "internal/engine/local:TestSizeMustBeThatOfTheBytes"},

		"FunctionURLConfig.functionName":          {effect, "internal/gateway:TestURLConfig"},
		"FunctionURLConfig.qualifier":             {effect, "internal/gateway:TestURLConfig"},
		"FunctionURLConfig.authType":              {effect, "cli/host:TestFunctionURL"},
		"FunctionURLConfig.invokeMode":            {effect, "internal/gateway:TestURLConfig"},
		"FunctionURLConfig.cors.allowCredentials": {effect, "cli/host:TestURLCORS"},
		"FunctionURLConfig.cors.allowHeaders":     {effect, "cli/host:TestURLCORS"},
		"FunctionURLConfig.cors.allowMethods":     {effect, "cli/host:TestURLCORS"},
		"FunctionURLConfig.cors.allowOrigins":     {effect, "cli/host:TestURLCORS"},
		"FunctionURLConfig.cors.exposeHeaders":    {effect, "cli/host:TestURLCORS"},
		"FunctionURLConfig.cors.maxAge":           {effect, "cli/host:TestURLCORS"},

		"ResourcePolicy.functionName": {effect, "internal/gateway:TestResourcePolicy"},
		"ResourcePolicy.qualifier":    {effect, "internal/gateway:TestResourcePolicy"},
		"ResourcePolicy.layerName":    {effect, "internal/gateway:TestResourcePolicy"},
		"ResourcePolicy.layerVersion": {effect, "internal/gateway:TestResourcePolicy"},
		"ResourcePolicy.policy":       {effect, "internal/gateway:TestResourcePolicy"},
	}
}

// TestEveryMemberHasAnEffect holds that each member of each spec has a fate, and each fate a test that is there.
func TestEveryMemberHasAnEffect(t *testing.T) {
	var members []string
	for kind, spec := range map[string]any{
		"Function": v1alpha1.FunctionSpec{}, "Version": v1alpha1.VersionSpec{}, "Alias": v1alpha1.AliasSpec{},
		"LayerVersion": v1alpha1.LayerVersionSpec{}, "FunctionURLConfig": v1alpha1.FunctionURLConfigSpec{},
		"ResourcePolicy": v1alpha1.ResourcePolicySpec{}, "CodeSigningConfig": v1alpha1.CodeSigningConfigSpec{},
	} {
		members = append(members, membersOf(reflect.TypeOf(spec), kind)...)
	}
	all := fates()
	for _, m := range members {
		if _, ok := all[m]; !ok {
			t.Errorf("%s has no fate: prove its effect, refuse it or report it, and write down here which", m)
		}
	}
	known := map[string][]string{}
	for m, f := range all {
		if !slices.Contains(members, m) {
			t.Errorf("%s is no member", m)
		}
		if !slices.Contains([]string{effect, refused, reported, shown}, f.what) {
			t.Errorf("%s: %q is no fate", m, f.what)
		}
		folder, name, _ := strings.Cut(f.proof, ":")
		if known[folder] == nil {
			known[folder] = testsIn(t, filepath.Join("..", "..", "..", folder))
		}
		if !slices.Contains(known[folder], name) {
			t.Errorf("%s: there is no test %s in %s", m, name, folder)
		}
	}
}

// membersOf gives the paths of a struct's members that are no structs with members of their own; references are one.
func membersOf(typ reflect.Type, path string) []string {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	whole := typ == reflect.TypeFor[v1alpha1.KeyRef]() || path == "Version.function"
	if typ.Kind() != reflect.Struct || whole {
		return []string{path}
	}
	var found []string
	for field := range typ.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		found = append(found, membersOf(field.Type, path+"."+name)...)
	}
	return found
}

// testsIn gives the test functions of a folder, and the names of the suite's cases.
func testsIn(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	must(t, err)
	var found []string
	for _, path := range files {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		must(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				found = append(found, n.Name.Name)
			case *ast.CompositeLit: // {"Case", function}
				if len(n.Elts) != 2 {
					return true
				}
				if name, ok := n.Elts[0].(*ast.BasicLit); ok && name.Kind == token.STRING {
					found = append(found, strings.Trim(name.Value, `"`))
				}
			}
			return true
		})
	}
	return found
}

// TestSizeMustBeThatOfTheBytes holds that an object which names bytes with another size than theirs is not taken.
func TestSizeMustBeThatOfTheBytes(t *testing.T) {
	e := opened(t, Config{}, &theater{})
	fn := function(t, e, "f")
	fn.Spec.Code.Zip.Size++
	wantCode(t, "a function", e.Create(t.Context(), fn), "InvalidParameterValueException")
	l := &v1alpha1.LayerVersion{Spec: v1alpha1.LayerVersionSpec{LayerName: "l", Version: 1, Content: *fn.Spec.Code.Zip}}
	wantCode(t, "a layer", e.Create(t.Context(), l), "InvalidParameterValueException")
}
