package gateway

// configHandlers says how the operations on what holds for functions, beside their configuration, are done.
func (g *gateway) configHandlers() map[string]handler {
	return map[string]handler{
		"PutFunctionConcurrency":             {call: g.putFunctionConcurrency, input: concurrency{}},
		"GetFunctionConcurrency":             {call: g.getFunctionConcurrency},
		"DeleteFunctionConcurrency":          {call: g.deleteFunctionConcurrency},
		"PutProvisionedConcurrencyConfig":    {call: g.putProvisioned, input: provisionedInput{}},
		"GetProvisionedConcurrencyConfig":    {call: g.getProvisioned},
		"DeleteProvisionedConcurrencyConfig": {call: g.deleteProvisioned},
		"ListProvisionedConcurrencyConfigs":  {call: g.listProvisioned},

		"PutFunctionEventInvokeConfig":    {call: g.putEventInvokeConfig, input: eventInvokeInput{}},
		"UpdateFunctionEventInvokeConfig": {call: g.updateEventInvokeConfig, input: eventInvokeInput{}},
		"GetFunctionEventInvokeConfig":    {call: g.getEventInvokeConfig},
		"DeleteFunctionEventInvokeConfig": {call: g.deleteEventInvokeConfig},
		"ListFunctionEventInvokeConfigs":  {call: g.listEventInvokeConfigs},

		"PutFunctionRecursionConfig": {call: g.putRecursion, input: recursionConfig{}},
		"GetFunctionRecursionConfig": {call: g.getRecursion},
		"PutRuntimeManagementConfig": {call: g.putRuntimeManagement, input: runtimeManagementInput{}, refuses: refusesPinnedRuns},
		"GetRuntimeManagementConfig": {call: g.getRuntimeManagement},
		"PutFunctionScalingConfig":   {call: g.putScaling, refuses: "every FunctionScalingConfig, as there are no capacity providers"},
		"GetFunctionScalingConfig":   {call: g.getScaling},

		"CreateCodeSigningConfig":          {call: g.createCodeSigning, input: createCodeSigningInput{}},
		"GetCodeSigningConfig":             {call: g.getCodeSigning},
		"UpdateCodeSigningConfig":          {call: g.updateCodeSigning, input: codeSigningInput{}},
		"DeleteCodeSigningConfig":          {call: g.deleteCodeSigning},
		"ListCodeSigningConfigs":           {call: g.listCodeSigning},
		"ListFunctionsByCodeSigningConfig": {call: g.listSigned},
		"PutFunctionCodeSigningConfig":     {call: g.putFunctionCodeSigning, input: putSigningInput{}},
		"GetFunctionCodeSigningConfig":     {call: g.getFunctionCodeSigning},
		"DeleteFunctionCodeSigningConfig":  {call: g.deleteFunctionCodeSigning},

		"CreateEventSourceMapping": {call: g.createEventSource, refuses: "every event source, as nothing polls them"},
		"GetEventSourceMapping":    {call: g.noMapping},
		"UpdateEventSourceMapping": {call: g.updateEventSource},
		"DeleteEventSourceMapping": {call: g.noMapping},
		"ListEventSourceMappings":  {call: g.listEventSources},
	}
}
