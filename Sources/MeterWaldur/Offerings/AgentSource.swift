internal import MeterWire

/// What of a Waldur resource names the agent that it stands for.
package enum AgentSource: Hashable, Sendable, CustomStringConvertible {
    /// What the provider calls the resource.
    case backendID
    /// What the buyer calls it, who may change that.
    case name
    /// What the buyer filled in when ordering.
    case attribute(String)

    /// Reads `backend_id`, `name` or `attributes.KEY`; nil for anything else.
    package init?(_ text: some StringProtocol) {
        let prefix = "attributes."
        switch text {
        case "backend_id": self = .backendID
        case "name": self = .name
        case _ where text.hasPrefix(prefix) && text.utf8.count > prefix.utf8.count:
            self = .attribute(String(text.dropFirst(prefix.count)))
        default: return nil
        }
    }

    package var description: String {
        switch self {
        case .backendID: "backend_id"
        case .name: "name"
        case .attribute(let key): "attributes.\(key)"
        }
    }

    /// The agent of a resource; nil where nothing usable stands there.
    func agent(of resource: WaldurResource) -> Name? {
        let text: String? =
            switch self {
            case .backendID: resource.backendID
            case .name: resource.name
            case .attribute(let key): resource.attributes[key]
            }
        return text.flatMap { NameRule.accepts($0) ? Name($0) : nil }
    }
}
