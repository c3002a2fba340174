import Testing

@testable import MeterWire

@Suite struct TokenUsageTests {
    /// The test vectors of Documentation/Tokens.md.
    @Test(arguments: [
        (TokenUsage(openAIInput: 100, output: 20), TokenUsage(input: 100, output: 20)),
        (
            TokenUsage(openAIInput: 2_006, cached: 1_920, output: 300, reasoning: 256),
            TokenUsage(input: 86, cachedInput: 1_920, output: 44, reasoning: 256)
        ),
        (
            TokenUsage(openAIInput: 50, cached: 20, cacheWritten: 30, output: 0),
            TokenUsage(cachedInput: 20, cacheCreationInput: 30)
        ),
        (TokenUsage(openAIInput: 10, cached: 11, output: 5), nil),
        (TokenUsage(openAIInput: 10, output: 5, reasoning: 6), nil),
        (TokenUsage(openAIInput: 10, cached: .max, cacheWritten: 2, output: 5), nil),
        (
            TokenUsage(
                anthropicInput: 50,
                cacheRead: 100_000,
                cacheCreation: 248,
                output: 503
            ),
            TokenUsage(
                input: 50,
                cachedInput: 100_000,
                cacheCreationInput: 248,
                output: 503
            )
        ),
        (
            TokenUsage(
                openTelemetryInput: 100_298,
                cacheRead: 100_000,
                cacheCreation: 248,
                output: 503,
                reasoning: 100
            ),
            TokenUsage(
                input: 50,
                cachedInput: 100_000,
                cacheCreationInput: 248,
                output: 403,
                reasoning: 100
            )
        ),
        (TokenUsage(openTelemetryInput: 50, cacheRead: 100_000, output: 503), nil),
    ])
    func `counts become disjoint components`(_ read: TokenUsage?, expected: TokenUsage?) {
        #expect(read == expected)
    }

    @Test func `only what is there is recorded`() {
        let usage = TokenUsage(input: 86, cachedInput: 1_920, output: 44, reasoning: 256)
        #expect(
            usage.amounts == [
                ComponentAmount("input_tokens", 86), ComponentAmount("cached_input_tokens", 1_920),
                ComponentAmount("output_tokens", 44), ComponentAmount("reasoning_tokens", 256),
            ]
        )
        #expect(TokenUsage().amounts.isEmpty)
    }
}
