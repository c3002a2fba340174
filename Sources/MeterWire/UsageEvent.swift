/// How an agent call ended.
public enum Outcome: UInt8, Sendable, CaseIterable {
    /// The call answered.
    case ok = 0
    /// The call failed.
    case error = 1
    /// The call was refused, by policy or by the model.
    case refused = 2
    /// The call was answered from a cache.
    case cached = 3
}

/// One amount of one component, in the component's smallest unit.
public struct ComponentAmount: Hashable, Sendable {
    /// The component's name, such as `input_tokens`.
    public var component: String
    /// At most 2^63 - 1.
    public var amount: UInt64

    /// Pairs a component with an amount.
    public init(_ component: String, _ amount: UInt64) {
        self.component = component
        self.amount = amount
    }
}

/// One agent call: when, for whom, how much of what, and details.
public struct UsageEvent: Hashable, Sendable {
    /// When the call was made; decides minute, plan period and billing period.
    public var time: Timestamp
    /// The Waldur customer's uuid as 32 hexadecimal digits, or whatever name the platform uses for it.
    public var tenant: String
    /// What the emitter calls the agent, unique within the tenant.
    public var agent: String
    /// Disjoint components: `input_tokens` excludes `cached_input_tokens`, and so on.
    public var amounts: [ComponentAmount]
    /// Which project's order of the agent was used, where the platform knows it.
    public var access: AccessID?
    /// The model that answered.
    public var model: String?
    /// An opaque id of the tenant's choosing; no personal data.
    public var user: String?
    /// How the call ended.
    public var outcome: Outcome
    /// How long the call took.
    public var durationMilliseconds: UInt64?

    /// Describes one agent call.
    public init(
        time: Timestamp,
        tenant: String,
        agent: String,
        amounts: [ComponentAmount],
        access: AccessID? = nil,
        model: String? = nil,
        user: String? = nil,
        outcome: Outcome = .ok,
        durationMilliseconds: UInt64? = nil
    ) {
        self.time = time
        self.tenant = tenant
        self.agent = agent
        self.amounts = amounts
        self.access = access
        self.model = model
        self.user = user
        self.outcome = outcome
        self.durationMilliseconds = durationMilliseconds
    }
}
