// Starts Swagger UI on the one document; a file of its own because the page allows no inline script.
window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  // Its badge would send the document's address to a validator elsewhere.
  validatorUrl: null,
});
