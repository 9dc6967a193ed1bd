package v1alpha1

// Default fills in the invoke mode, the object's name and the label of its function.
func (u *FunctionURLConfig) Default() {
	u.Spec.InvokeMode = orDefault(u.Spec.InvokeMode, InvokeModeBuffered)
	if u.Spec.Qualifier == latest {
		u.Spec.Qualifier = ""
	}
	if u.Name == "" && u.Spec.FunctionName != "" {
		u.Name = FunctionURLObjectName(u.Spec.FunctionName, u.Spec.Qualifier)
	}
	setLabel(u, LabelFunction, ObjectName(u.Spec.FunctionName))
}
