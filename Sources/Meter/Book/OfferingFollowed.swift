/// New resources of an offering are bound as soon as the reporter sees them, or no longer.
package struct OfferingFollowed: Equatable, Codable, Sendable {
    package let waldur: WaldurID
    package let offering: OfferingID
    /// What of a resource names its agent, such as `attributes.agent_slug`; nil: it is followed no longer.
    package let agentFrom: String?
    /// Of the bindings that are made.
    package let `class`: BindingClass

    package init(
        waldur: WaldurID,
        offering: OfferingID,
        agentFrom: String?,
        class: BindingClass
    ) {
        self.waldur = waldur
        self.offering = offering
        self.agentFrom = agentFrom
        self.class = `class`
    }
}
