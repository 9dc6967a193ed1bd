package v1alpha1

// Default fills in the object's name and the label of its layer.
func (l *LayerVersion) Default() {
	if l.Name == "" && l.Spec.LayerName != "" {
		l.Name = LayerVersionObjectName(l.Spec.LayerName, l.Spec.Version)
	}
	setLabel(l, LabelLayer, ObjectName(l.Spec.LayerName))
}
