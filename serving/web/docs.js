// Starts Swagger UI on the one document; a file of its own because the page allows no inline script.
window.SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true });
