/// `Documentation/openapi.yaml`, as the server hands it out; a test holds both together.
enum OpenAPIDocument {
    static let text = ""
}
